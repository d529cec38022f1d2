"""Our own codec: any released model, or one in a folder."""

from __future__ import annotations

import io
from functools import cached_property

import jax
import numpy as np
from numpy.typing import NDArray

from audiotok_jax import interchange, pretrained, tokenfile
from audiotok_jax.evaluate.codecs.interface import at_rate
from audiotok_jax.tokenizer import AudioTokenizer


class Audiotok:
    """`AudioTokenizer` on one device, whose files are .atok; see `Codec`."""

    def __init__(self, name: str, argument: str) -> None:
        """Checks that the model exists: a released one, one in a folder, or "", the default.

        Raises:
            FileNotFoundError: there is no such model.
            ValueError: the folder holds no complete model.
        """
        self.name = name
        self._model = argument or None
        _, config, self.version, _ = pretrained.load(self._model)
        self.sample_rate = config.sample_rate

    @cached_property
    def _tokenizer(self) -> AudioTokenizer:
        # Clips come one by one, so further devices would be idle.
        return AudioTokenizer.from_pretrained(self._model, devices=jax.local_devices()[:1])

    def encode(self, wave: NDArray[np.float32], rate: int) -> bytes:
        """See `Codec`."""
        wave = at_rate(wave, rate, self.sample_rate)
        tokens = self._tokenizer.encode(wave, self.sample_rate)
        return tokenfile.dumps(interchange.of_model(tokens, len(wave), self._tokenizer))

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """See `Codec`."""
        found = tokenfile.read(io.BytesIO(data), self.version)
        return self._tokenizer.decode(found.tokens, found.num_samples)

    def payload_bits(self, data: bytes) -> int:
        """See `Codec`."""
        found = tokenfile.loads(data)
        return len(found.tokens) * found.bits
