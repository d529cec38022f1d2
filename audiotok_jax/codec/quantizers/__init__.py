"""Quantizers, one file each: latents to tokens, and tokens to codes for the decoder.

Only the quantizer knows how a latent becomes a token. A new one is a file here, a line in `of`, and
a field of `CodecConfig` that selects it.
"""

from __future__ import annotations

from typing import Any, Protocol

from jax import Array
from jaxtyping import Float32, Int, Int32

from audiotok_jax.codec.quantizers.binary_spherical import BinarySpherical
from audiotok_jax.config import CodecConfig


class Quantizer(Protocol):
    """A hashable object whose methods are pure functions of arrays."""

    @property
    def dim(self) -> int:
        """Dimension of latents and codes."""

    def encode(self, latent: Float32[Array, "*N dim"]) -> Int32[Array, "*N"]:
        """Tokens of latents."""

    def decode(self, tokens: Int[Array, "*N"]) -> Float32[Array, "*N {self.dim}"]:
        """Codes of tokens; the code of -1, "no token", is zero."""

    def quantize(
        self,
        latent: Float32[Array, "*N dim"],
        draw: Float32[Array, "*N dim"] | None = None,
        near: float = 0.0,
        anywhere: float = 0.0,
    ) -> Float32[Array, "*N dim"]:
        """Codes for training: those of `decode(encode(latent))`, with a gradient to the latent.

        Args:
            latent: before quantization.
            draw: uniform in [0, 1), for random errors; None is without errors.
            near: probability of an error at a decision boundary, decreasing with the distance.
            anywhere: additional probability of an error in every coordinate.
        """

    def statistics(self, latent: Float32[Array, "B T dim"]) -> Any:
        """Statistics of a whole batch for `regularizer`, a tree of arrays.

        The mean of the trees of equal parts of a batch is the tree of the batch.
        """

    def regularizer(
        self, latent: Float32[Array, "B T dim"], statistics: Any
    ) -> tuple[dict[str, Float32[Array, ""]], dict[str, Float32[Array, ""]]]:
        """Named loss terms, scalars, and further scalars to report.

        Args:
            latent: of a part of a batch.
            statistics: of the whole batch.
        """


def of(config: CodecConfig) -> Quantizer:
    """The quantizer of a codec."""
    return BinarySpherical(config.bits)
