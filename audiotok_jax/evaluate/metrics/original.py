"""The original, the reference of the metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiotok_jax.audio import to_mono

RATE = 16000
"""Sample rate of all measured waves, in Hz."""

Wave = NDArray[np.float32]
Values = dict[str, float | None]
Readings = dict[str, list[str] | None]
"""Output of recognisers, by kind (words or phonemes); JSON-ready."""

_T = TypeVar("_T")


class Original:
    """An original, with a cache of features that depend only on it.

    Attributes:
        wave: float32 (S,), S >= 1.
        language: of the speech, such as "en" or "en-GB"; "" if unknown.
        transcript: of the speech; "" if unknown.
        recogniser: folder of the Whisper model for word errors; None is the packaged one.
        readings: output of recognisers for it so far.
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
        """Sets the attributes; see the class.

        Args:
            wave: at 16 kHz, as for `audio.to_mono`; ValueError if it is invalid or empty.
            language: see the class.
            transcript: see the class.
            recogniser: result of `words.locate`.
            readings: earlier ones for the same wave, language and recognisers.
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
        """Returns `readings[what]`, computed by `read(wave)` if it is not there yet."""
        if what not in self.readings:
            self.readings[what] = read(self.wave)
        return self.readings[what]
