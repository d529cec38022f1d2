"""The interface of codecs under evaluation."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio


class Codec(Protocol):
    """A codec from speech to the bytes of a whole file, and back.

    Decoded speech may be longer or shorter than the input, and delayed; the caller aligns them. The
    first call may load and compile a model, so it takes longer.

    Attributes:
        name: its spec for `parse`, such as "opus:6".
        version: of its model or program; different versions are different codecs.
        sample_rate: of decoded speech, in Hz.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def version(self) -> str: ...  # noqa: D102

    @property
    def sample_rate(self) -> int: ...  # noqa: D102

    def encode(self, wave: NDArray[np.float32], rate: int) -> bytes:
        """Returns the coded file.

        Args:
            wave: float32 (S,), S >= 1.
            rate: its sample rate in Hz; the codec resamples to its own.

        Raises:
            ValueError: the codec does not support this audio.
            OSError: its program fails.
        """

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """Decodes a file of `encode` to speech, float32 (R,).

        Raises:
            ValueError: `data` is not such a file.
            OSError: its program fails.
        """

    def payload_bits(self, data: bytes) -> int:
        """Number of coded bits in a file of `encode`, without the overhead of the container.

        Raises:
            ValueError: `data` is not such a file.
        """


def at_rate(wave: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Resamples float32 (S,) from `rate` to `wanted` Hz; AudioError if it is no audio."""
    return np.concatenate(list(audio.resample_stream([wave], rate, wanted)))


def to_pcm(wave: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.int16]:
    """Resamples float32 (S,) from `rate` to `wanted` Hz and rounds it to 16 bits."""
    return audio.to_pcm(at_rate(wave, rate, wanted)).astype("<i2")


def from_pcm(data: bytes) -> NDArray[np.float32]:
    """The float32 (S,) in -1..1 of little-endian samples of 16 bits."""
    return audio.to_mono(np.frombuffer(data, "<i2"))
