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
Readings = dict[str, list[str] | None]
"""What recognisers heard, by what they were to hear; JSON-ready."""

_T = TypeVar("_T")


class Original:
    """One original; what is computed from it alone is kept for all waves measured against it.

    Attributes:
        wave: float32 (S,), S >= 1.
        language: of the speech, as tables have it: "en", "en-GB"; "" where it is not known.
        transcript: what is said; "" where that is not known.
        recogniser: folder of the Whisper model that counts words; None is the one of the packages.
        readings: what recognisers have heard in it so far.
    """

    def __init__(
        self,
        wave: ArrayLike,
        language: str = "",
        *,
        transcript: str = "",
        recogniser: str | None = None,
        readings: Readings | None = None,
    ) -> None:
        """Takes the wave.

        Args:
            wave: of 16 kHz, as `audio.to_mono` takes it; not empty.
            language: see the class.
            transcript: likewise.
            recogniser: likewise, as `words.locate` gives it.
            readings: those of the same wave, language and recognisers, from before.

        Raises:
            ValueError: the wave is bad or empty.
        """
        self.wave = to_mono(wave)
        if not len(self.wave):
            raise ValueError("the original is empty")
        self.language = language
        self.transcript = transcript
        self.recogniser = recogniser
        self.readings = dict(readings or {})
        self._features: dict[Callable[[Wave], Any], Any] = {}

    def feature(self, function: Callable[[Wave], _T]) -> _T:
        """Returns `function(wave)`, computed once."""
        if function not in self._features:
            self._features[function] = function(self.wave)
        return self._features[function]

    def reading(self, what: str, read: Callable[[Wave], list[str] | None]) -> list[str] | None:
        """Returns `read(wave)`, computed once, or never where `readings` has it from before."""
        if what not in self.readings:
            self.readings[what] = read(self.wave)
        return self.readings[what]
