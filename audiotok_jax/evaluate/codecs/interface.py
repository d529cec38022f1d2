"""The interface of codecs under evaluation."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio


class Codec(Protocol):
    """Speech to the bytes of a whole file, and back.

    What `decode` returns may be longer than what went in, shorter, and delayed: whoever compares
    the two aligns them.  The first call may load a model and compile it, so it takes longer.

    Attributes:
        name: the spec that `parse` makes it from, such as "opus:6".
        version: the model or program behind it.  Where it differs, so does the codec.
        sample_rate: of what `decode` returns, in Hz.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def version(self) -> str: ...  # noqa: D102

    @property
    def sample_rate(self) -> int: ...  # noqa: D102

    def encode(self, wave: NDArray[np.float32], rate: int) -> bytes:
        """Returns the file that one would store.

        Args:
            wave: float32 (S,), S >= 1.
            rate: its sample rate in Hz; whatever it is, the codec works at its own.

        Raises:
            ValueError: the codec does not take this audio.
            OSError: its program fails.
        """

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """Returns the speech, float32 (R,), of what `encode` returned.

        Raises:
            ValueError: `data` is something else.
            OSError: likewise, or for another reason, its program fails.
        """

    def payload_bits(self, data: bytes) -> int:
        """Counts the coded bits alone, without what the container adds, of a file of `encode`.

        Raises:
            ValueError: `data` is something else.
        """


def at_rate(wave: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Resamples float32 (S,) from `rate` to `wanted` Hz; AudioError if it is no audio."""
    return np.concatenate(list(audio.resample_stream([wave], rate, wanted)))


def to_pcm(wave: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.int16]:
    """Resamples float32 (S,) from `rate` to `wanted` Hz and rounds it to 16 bits."""
    scaled = at_rate(wave, rate, wanted) * np.float32(32768)
    return np.rint(scaled).clip(-32768, 32767).astype("<i2")


def from_pcm(data: bytes) -> NDArray[np.float32]:
    """The float32 (S,) in -1..1 of little-endian samples of 16 bits."""
    return audio.to_mono(np.frombuffer(data, "<i2"))
