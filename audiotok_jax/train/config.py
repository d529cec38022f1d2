"""What a training run is told."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of one run; everything but the session's limits is kept with the run.

    Attributes:
        preset: name of the codec, see `audiotok_jax.config`.
        data: folders or tables of audio.
        out: folder of the run.
        steps: length of the learning-rate schedule; training ends there.
        minutes: wall-clock limit of this session; it ends with a save and can be resumed.
        resume: go on from the last save in `out`.
        init: released weights to start from, a name or a folder.
        stage: 1 trains everything without a discriminator; 2 keeps encoder and quantizer as
            they are, so that tokens stay valid, and tunes the decoder against discriminators.
        batch_size: crops per step.
        seconds: length of a crop.
        learning_rate: peak value; None for 1e-3 in stage 1 and 2e-4 in stage 2.
        warmup: steps of linear warm-up.
        seed: of parameters, data and noise.
        save_minutes: time between saves.
        keep: saves that are kept.
        precision: of the factors of the large matrix products, float32 or bfloat16; sums are
            float32 either way. A CPU without bfloat16 units is faster in float32.
        ema: decay of the moving average of the parameters, which is what a run delivers.
        stft_weight, pitch_weight, entropy_weight: of the losses beside the mel loss.
        entropy_ramp: steps over which the entropy weight falls from three times its value.
        adversarial_weight, matching_weight: of the losses of stage 2.
    """

    preset: str = "small-80hz"
    data: tuple[str, ...] = ()
    out: str = "runs/default"
    steps: int = 10_000
    minutes: float | None = None
    resume: bool = False
    init: str | None = None
    stage: int = 1
    batch_size: int = 12
    seconds: float = 1.0
    learning_rate: float | None = None
    warmup: int = 500
    seed: int = 0
    save_minutes: float = 5.0
    keep: int = 3
    precision: str = "bfloat16"
    ema: float = 0.999
    stft_weight: float = 0.5
    pitch_weight: float = 0.2
    entropy_weight: float = 0.1
    entropy_ramp: int = 2000
    adversarial_weight: float = 0.1
    matching_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.stage not in (1, 2):
            raise ValueError(f"stage must be 1 or 2, not {self.stage}")
        if self.stage == 2 and self.init is None:
            raise ValueError("stage 2 tunes a trained model: name its weights with --init")
        if not self.data:
            raise ValueError("no data: name a folder or a table with --data")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision must be float32 or bfloat16, not {self.precision}")
        for name in ("steps", "batch_size", "seconds", "save_minutes", "keep"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.minutes is not None and self.minutes <= 0:
            raise ValueError(f"minutes must be positive, not {self.minutes}")

    def kept(self) -> dict[str, Any]:
        """The settings that a resumed run must share, ready for JSON."""
        fields = dataclasses.asdict(self)
        for session in ("minutes", "resume", "out", "save_minutes", "keep"):
            del fields[session]
        return fields | {"data": list(self.data)}
