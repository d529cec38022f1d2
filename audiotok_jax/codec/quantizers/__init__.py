"""Quantizers, one file each: latents to tokens, and tokens to the codes that are decoded.

Only the quantizer knows how a latent becomes a token. Another one is a file here, a line in `of`,
and a field of `CodecConfig` that selects it.
"""

from __future__ import annotations

from typing import Any, Protocol

from jax import Array

from audiotok_jax.codec.quantizers.binary_spherical import BinarySpherical
from audiotok_jax.config import CodecConfig


class Quantizer(Protocol):
    """Hashable; all methods are pure functions of arrays, over any leading axes unless stated."""

    @property
    def dim(self) -> int:
        """Numbers of a latent, and of a code."""

    def encode(self, latent: Array) -> Array:
        """Tokens of latents: float32 (..., dim) -> int32 (...)."""

    def decode(self, tokens: Array) -> Array:
        """Codes of tokens: int (...) -> float32 (..., dim); of -1, "no token", zeros."""

    def quantize(
        self, latent: Array, draw: Array | None = None, near: float = 0.0, anywhere: float = 0.0
    ) -> Array:
        """Codes to train with: as of `decode(encode(latent))`, with a gradient to the latent.

        Args:
            latent: float32 (..., dim).
            draw: float32 (..., dim), uniform in [0, 1), for random errors; None is no errors.
            near: probability of an error at a decision boundary, falling with the distance.
            anywhere: probability of an error in any coordinate, added to it.
        """

    def statistics(self, latent: Array) -> Any:
        """Tree of what `regularizer` knows of a whole batch, of float32 (B, T, dim).

        The mean of the trees of equal parts of a batch is the tree of the batch.
        """

    def regularizer(
        self, latent: Array, statistics: Any
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Named loss terms, scalars, and further scalars to report.

        Args:
            latent: float32 (B, T, dim), of a part of a batch.
            statistics: of the whole batch.
        """


def of(config: CodecConfig) -> Quantizer:
    """The quantizer of a codec."""
    return BinarySpherical(config.bits)
