"""The base class of losses, dataclasses with a weight and a reference."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, ClassVar

from jax import Array
from jaxtyping import Float32

from audiotok_jax import fields
from audiotok_jax.config import CodecConfig
from audiotok_jax.train import schedule
from audiotok_jax.train.schedule import Schedule

REFERENCES = ("recording", "target")

Wave = Float32[Array, "B S"]
PerClip = Float32[Array, " B"]


@dataclasses.dataclass(frozen=True)
class Loss(abc.ABC):
    """Distance between decoded speech and its reference; hashable, as part of a `Recipe`.

    A subclass adds its own settings as fields. A field `model` is the folder or package of a frozen
    network; model cards contain only its last part.

    Attributes:
        name: key of the loss in settings and metrics.
        weight: in the total. A loss with the constant weight 0 is not computed.
        reference: "recording", the crop without added noise, or "target", the desired output of the
            decoder; they are equal if a run has no separate targets.
        seconds: length of the random part of a crop that is compared in each step; None compares
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
        """Raises ValueError, starting with the name of the field, if a field is invalid."""
        fields.check(self)
        schedule.check("weight", self.weight)
        if self.reference not in REFERENCES:
            raise ValueError(f"reference must be {' or '.join(REFERENCES)}, not {self.reference}")
        if self.seconds is not None and self.seconds <= 0:
            raise ValueError(f"seconds must be positive, not {self.seconds}")

    def open(self, codec: CodecConfig, seconds: float, precision: str) -> Any:
        """Loads the frozen network of this loss; most have none.

        Args:
            codec: of the decoded speech.
            seconds: length of a crop.
            precision: dtype of the factors of large matrix products.

        Returns:
            A pytree, the argument `network` of `__call__`.

        Raises:
            ValueError: the network does not exist or does not fit.
        """
        return None

    @abc.abstractmethod
    def __call__(self, decoded: Wave, reference: Wave, rate: int, network: Any = None) -> PerClip:
        """Compares clip by clip, differentiably in `decoded`; about 0 where both are equal.

        Args:
            decoded, reference: waveforms.
            rate: sample rate in Hz.
            network: the result of `open`.
        """
