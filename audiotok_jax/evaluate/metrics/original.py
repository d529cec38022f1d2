"""The original that decoded waves are measured against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiotok_jax.audio import to_mono

RATE = 16000
"""In Hz, of all waves that are measured."""

Wave = NDArray[np.float32]
Values = dict[str, float | None]
_T = TypeVar("_T")


class Original:
    """One original; what is computed from it alone is kept for all waves measured against it.

    Attributes:
        wave: float32 (S,), S >= 1.
        language: of the speech; "en" or what starts with it ("en-GB") is English.
    """

    def __init__(self, wave: ArrayLike, language: str = "") -> None:
        """Takes the wave.

        Args:
            wave: of 16 kHz, as `audio.to_mono` takes it; not empty.
            language: of the speech, "" where it is not known.

        Raises:
            ValueError: the wave is bad or empty.
        """
        self.wave = to_mono(wave)
        if not len(self.wave):
            raise ValueError("the original is empty")
        self.language = language
        self._features: dict[Callable[[Wave], Any], Any] = {}

    @property
    def english(self) -> bool:
        """Whether the speech is English."""
        return self.language.lower().startswith("en")

    def feature(self, function: Callable[[Wave], _T]) -> _T:
        """Returns `function(wave)`, computed once."""
        if function not in self._features:
            self._features[function] = function(self.wave)
        return self._features[function]
