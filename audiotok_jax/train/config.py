"""Settings of a training run.

`TrainConfig` holds all of them. The compiled step depends on its part `recipe`; `session` and
`mesh` may change between sessions of a run.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from audiotok_jax import fields
from audiotok_jax.config import CodecConfig, preset
from audiotok_jax.data.augment import Augment
from audiotok_jax.train import schedule
from audiotok_jax.train.losses.level import LevelLoss
from audiotok_jax.train.losses.loss import Loss
from audiotok_jax.train.losses.mel import MelLoss
from audiotok_jax.train.losses.pesq import PesqLoss
from audiotok_jax.train.losses.stft import StftLoss
from audiotok_jax.train.losses.stoi import StoiLoss
from audiotok_jax.train.losses.teacher import TeacherLoss
from audiotok_jax.train.losses.timbre import TimbreLoss
from audiotok_jax.train.schedule import Schedule

# Bounds within which steps, seeds and shapes fit into their integer types.
_BOUNDS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "steps": (-math.inf, 2**31 - 1),
    "warmup": (0, 2**31 - 1),
    "batch_size": (-math.inf, 2**20),
    "seconds": (-math.inf, 3600),
    "weight_decay": (0, 1e6),
    "ema": (0, 1),
    "flip_near": (0, 1),
    "flip_anywhere": (0, 1),
    "discriminator_every": (-math.inf, 2**31 - 1),
    "patience": (-math.inf, 2**31 - 1),
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of the training step; hashable, as it is a static argument of the compiled step.

    Attributes:
        stage: 1 trains everything without a discriminator; 2 freezes encoder and quantizer, so that
            tokens stay valid, and tunes the decoder against discriminators.
        steps: length of the run.
        batch_size: crops per step, over all devices and processes.
        accumulate: parts of a batch that are computed sequentially, to save memory; the result is
            that of the whole batch.
        seconds: length of a crop.
        seed: of parameters, data and noise.
        learning_rate: if a number, the peak of a linear warm-up over `warmup` steps and a cosine
            decay to 2 % at the last step; points are used as they are. None is 1e-3 in stage 1 and
            2e-4 in stage 2.
        warmup: steps, at most half of the run.
        weight_decay: of AdamW.
        clip: largest norm of a gradient; larger ones are scaled down.
        ema: decay of the moving average of the parameters, which is the result of a run.
        precision: of the factors of the large matrix products, float32 or bfloat16; sums are
            float32 either way, so that no loss scale is needed. A CPU without bfloat16 units is
            faster in float32.
        losses: between decoded speech and its reference, each with its weight.
        pitch_weight: of the cross entropy of the predicted fundamental frequency.
        entropy_weight, balance_weight: of the regularizer of stage 1, which makes all tokens
            equally likely.
        flip_near, flip_anywhere: probability that a bit is flipped before the decoder: for a latent
            at zero, decreasing with its distance from zero, and in addition for every latent.
        adversarial_weight, matching_weight: of the losses of stage 2.
        discriminator_rate: learning rate of the discriminators, in multiples of the decoder's.
        discriminator_every: steps between two updates of the discriminators.
        discriminator_seconds: length of the input of the discriminators, a random part of each
            crop.
        discriminator_windows: length of the spectral window of each discriminator, in samples.
        patience: consecutive steps with a non-finite gradient after which the run stops; such
            steps are skipped.
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
    losses: tuple[Loss, ...] = (
        MelLoss(),
        StftLoss(),
        StoiLoss(),
        PesqLoss(),
        TimbreLoss(),
        LevelLoss(),
        TeacherLoss(),
    )
    pitch_weight: Schedule = 0.5
    entropy_weight: Schedule = ((0, 0.3), (2000, 0.1))
    balance_weight: Schedule = 1.0
    flip_near: float = 0.0
    flip_anywhere: float = 0.0
    adversarial_weight: Schedule = 0.1
    matching_weight: Schedule = 1.0
    discriminator_rate: float = 3.0
    discriminator_every: int = 1
    discriminator_seconds: float = 1.0
    discriminator_windows: tuple[int, ...] = (256, 512, 1024, 2048)
    patience: int = 10

    def __post_init__(self) -> None:
        fields.check(self)
        fields.check_bounds(self, _BOUNDS)
        if self.stage not in (1, 2):
            raise ValueError(f"stage must be 1 or 2, not {self.stage}")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision must be float32 or bfloat16, not {self.precision}")
        for name in (
            "steps", "batch_size", "accumulate", "seconds", "clip", "discriminator_rate",
            "discriminator_every", "discriminator_seconds", "patience",
        ):  # fmt: skip
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate={self.accumulate} does not divide batch_size={self.batch_size}"
            )
        windows = self.discriminator_windows
        if not windows or any(window < 64 or window % 16 for window in windows):
            raise ValueError(
                f"discriminator_windows must be multiples of 16 from 64 on, not {windows}"
            )
        names = [loss.name for loss in self.losses]
        if len(set(names)) < len(names):
            raise ValueError(f"losses must have different names, not {', '.join(names)}")
        for field in dataclasses.fields(self):
            if "Schedule" in str(field.type):
                schedule.check(field.name, getattr(self, field.name))

    @property
    def active_losses(self) -> tuple[Loss, ...]:
        """Losses that are computed: all but those with the constant weight 0."""
        return tuple(loss for loss in self.losses if loss.weight != 0)


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """Arrangement of the devices of all processes; see `parallel.make_mesh`.

    Attributes:
        fsdp: devices over which parameters, averages and moments are sharded, besides the batch.
        model: devices over which the MLPs of the blocks are sharded.
    """

    fsdp: int = 1
    model: int = 1

    def __post_init__(self) -> None:
        fields.check(self)
        fields.check_bounds(self, {"fsdp": (1, 2**20), "model": (1, 2**20)})


@dataclasses.dataclass(frozen=True)
class Session:
    """Settings of one session, which a resumed run may change.

    Attributes:
        minutes: wall-clock limit; the session ends with a save and can be resumed.
        save_minutes: time between saves.
        save_steps: steps between saves; None saves by time only.
        keep: number of saves to keep, besides the best one by evaluation.
        workers: processes that read audio, in each training process; 0 reads in threads.
        eval_data: folder or table of audio to evaluate on; None disables evaluation.
        eval_steps: steps between evaluations, each followed by a save.
        eval_clips: number of clips of `eval_data`, spread evenly over it.
        tensorboard: whether to write TensorBoard files into the run's folder.
        wandb: project of Weights & Biases to report to; None reports nowhere.
        profile: first step and end of a range to trace; None disables tracing.
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
    """Settings of a run.

    Attributes:
        data: locations of the audio; see `data.sources`.
        targets: a folder or table with the same clips without noise, under the same names except
            for suffixes, as targets of the decoder; losses of intelligibility still refer to
            `data`. They get the same augmentations except for noise. None makes the audio its own
            target.
        out: folder of the run.
        resume: whether to continue from the last save in `out`.
        init: model to start from, a name or a folder.
        codec: the codec to train.
        weights: of the corpora, by name; the default is hours ** 0.7.
        speaker_power: within a corpus, speakers are drawn in proportion to this power of their
            hours, from 0 (all equally often) to 1 (every second equally often). Speech of unknown
            speakers gets its share of the hours of the corpus.
        augment: augmentations of the audio.
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

    def to_dict(self) -> dict[str, Any]:
        """All settings, ready for JSON; losses by their names."""
        settings = dataclasses.asdict(self)
        settings["recipe"]["losses"] = {
            loss.name: dataclasses.asdict(loss) for loss in self.recipe.losses
        }
        return settings

    def kept(self) -> dict[str, Any]:
        """The settings that a resumed run must share, ready for JSON."""
        free = ("out", "resume", "mesh", "session")
        return {name: value for name, value in self.to_dict().items() if name not in free}
