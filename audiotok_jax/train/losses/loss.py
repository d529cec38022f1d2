"""What a loss is: a value that a recipe holds, with its weight and its reference."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, ClassVar

from jax import Array

from audiotok_jax import fields
from audiotok_jax.config import CodecConfig
from audiotok_jax.train import schedule
from audiotok_jax.train.schedule import Schedule

REFERENCES = ("recording", "target")


@dataclasses.dataclass(frozen=True)
class Loss(abc.ABC):
    """Distance between decoded speech and its reference; hashable, as a part of a `Recipe`.

    A subclass adds its own settings as fields. One called `model` names the folder or package of
    a frozen network; model cards keep its last part only.

    Attributes:
        name: key of the loss among settings and metrics.
        weight: in the total. A loss whose weight is the constant 0 is not computed.
        reference: "recording", the crop without added noise, or "target", what the decoder is to
            produce; they are the same where a run has no targets of its own.
        seconds: length of the part of a crop that is compared, drawn for each step; None compares
            whole crops.
    """

    name: ClassVar[str]
    weight: Schedule = 1.0
    reference: str = "target"
    seconds: float | None = None

    def __post_init__(self) -> None:
        try:
            self.check()
        except ValueError as error:
            raise ValueError(f"{self.name}.{error}") from None

    def check(self) -> None:
        """Raises ValueError, starting with the name of the field, if a field does not fit."""
        fields.check(self)
        schedule.check("weight", self.weight)
        if self.reference not in REFERENCES:
            raise ValueError(f"reference must be {' or '.join(REFERENCES)}, not {self.reference}")
        if self.seconds is not None and self.seconds <= 0:
            raise ValueError(f"seconds must be positive, not {self.seconds}")

    def open(self, codec: CodecConfig, seconds: float, precision: str) -> Any:
        """Loads the frozen network that this loss needs; most need none.

        Args:
            codec: whose speech will be compared.
            seconds: length of a crop.
            precision: dtype of the factors of large matrix products.

        Returns:
            A pytree, the `network` of `__call__`.

        Raises:
            ValueError: there is no such network, or it does not fit.
        """
        return None

    @abc.abstractmethod
    def __call__(self, decoded: Array, reference: Array, rate: int, network: Any = None) -> Array:
        """Compares clip by clip, differentiably in `decoded`.

        Args:
            decoded, reference: float32 (B, S).
            rate: sample rate in Hz.
            network: what `open` returned.

        Returns:
            float32 (B,), about 0 where both are equal.
        """
