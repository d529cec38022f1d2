"""16-bit PCM, the lossless reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.evaluate.codecs.interface import from_pcm, to_pcm


class Pcm:
    """Samples of 16 bits at 16 kHz without a header; see `Codec`."""

    def __init__(self, name: str, argument: str) -> None:
        """Takes the spec; ValueError if it has an argument."""
        if argument:
            raise ValueError(f"{name}: pcm takes no argument")
        self.name = name
        self.version = "16 bits"
        self.sample_rate = 16000

    def encode(self, wave: NDArray[np.float32], rate: int) -> bytes:
        """See `Codec`."""
        return to_pcm(wave, rate, self.sample_rate).tobytes()

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """See `Codec`."""
        return from_pcm(data)

    def payload_bits(self, data: bytes) -> int:
        """See `Codec`."""
        return 8 * len(data)
