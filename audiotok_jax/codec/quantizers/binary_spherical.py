"""Binary spherical quantization: one codebook of `2 ** bits` entries without a table.

A latent is normalised to the unit sphere and each coordinate is replaced by its sign (BSQ, Zhao et
al. 2024; the lookup-free quantizer of MAGVIT-2, Yu et al. 2023, on a sphere). Bit k of a token, of
value `2 ** k`, is 1 if coordinate k is positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int, Int32

from audiotok_jax.codec.spectral import aligned
from audiotok_jax.tokens import signs

_GROUP = 8
"""Bits in the joint distributions of the regularizer, which detect correlated bits without a
softmax over all `2 ** bits` ids."""


class Occupancy(NamedTuple):
    """Mean probabilities of bits and of the values of groups of bits.

    Attributes:
        ones: float32 (bits,), probability of a 1.
        groups: for each group of g bits, float32 (2 ** g,), probability of each value.
    """

    ones: Array
    groups: tuple[Array, ...]


@dataclass(frozen=True)
class BinarySpherical:
    """A `quantizers.Quantizer` whose codes are the corners of a cube.

    Attributes:
        dim: bits per token, one for each coordinate of a latent.
        steepness: of the probability of a bit, in regularizer and flips: a coordinate u of a
            normalised latent has the logit `steepness * u`. With 16 coordinates of equal magnitude,
            20 gives logits of 5.
    """

    dim: int
    steepness: float = 20.0

    def encode(self, latent: Float32[Array, "*N {self.dim}"]) -> Int32[Array, "*N"]:
        """Tokens of latents; only the signs count."""
        weights = aligned(1 << np.arange(self.dim, dtype=np.int32), latent)
        return jnp.sum(jnp.where(latent > 0, weights, 0), axis=-1, dtype=jnp.int32)

    def decode(self, tokens: Int[Array, "*N"]) -> Float32[Array, "*N {self.dim}"]:
        """Corners of the cube for tokens; -1, "no token", is the origin."""
        corner = signs(tokens, self.dim) / np.sqrt(self.dim).astype(np.float32)
        return jnp.where(tokens[..., None] < 0, 0.0, corner)

    def quantize(
        self,
        latent: Float32[Array, "*N {self.dim}"],
        draw: Float32[Array, "*N {self.dim}"] | None = None,
        near: float = 0.0,
        anywhere: float = 0.0,
    ) -> Float32[Array, "*N {self.dim}"]:
        """Nearest corner of the inscribed cube, with a straight-through gradient to the sphere.

        Errors are bit flips; away from zero, `near` decreases like the probability of the other
        sign.
        """
        unit = normalize(latent)
        ones = unit > 0
        if draw is not None:
            other = 2 * jax.nn.sigmoid(-self.steepness * jnp.abs(unit))
            ones ^= draw < near * other + anywhere
        corner = jnp.where(ones, 1.0, -1.0) / np.sqrt(self.dim).astype(np.float32)
        return unit + jax.lax.stop_gradient(corner - unit)

    def statistics(self, latent: Float32[Array, "B T {self.dim}"]) -> Occupancy:
        """Averages over all latents."""
        ones = jax.nn.sigmoid(self._logits(latent).reshape(-1, self.dim))
        groups = []
        for start in range(0, self.dim, _GROUP):
            joint = jnp.ones((len(ones), 1))
            for k in range(start, min(start + _GROUP, self.dim)):
                one = ones[:, k : k + 1]
                joint = jnp.concatenate([joint * (1 - one), joint * one], axis=-1)
            groups.append(jnp.mean(joint, axis=0))
        return Occupancy(jnp.mean(ones, axis=0), tuple(groups))

    def regularizer(
        self, latent: Float32[Array, "B T {self.dim}"], statistics: Occupancy
    ) -> tuple[dict[str, Float32[Array, ""]], dict[str, Float32[Array, ""]]]:
        """Terms that favour certain signs, equally likely tokens, and bits that vary within a clip.

        They are "entropy", the mean entropy of single latents minus that of their mean
        distribution, in nats per bit (both are reported), and "balance", 0 to 0.25: the distance of
        the frequency of 1, within a clip, from the range of a quarter to three quarters, as a bit
        that is constant over a clip carries no information.
        """
        logits = self._logits(latent)
        one, every = jnp.mean(_binary_entropy(logits)), _spread(statistics)
        ones = jnp.mean(jax.nn.sigmoid(logits), axis=1)
        balance = jnp.mean(jnp.maximum(jnp.abs(ones - 0.5) - 0.25, 0.0))
        terms = {"entropy": one - every, "balance": balance}
        return terms, {"entropy_of_one": one, "entropy_of_all": every}

    def _logits(self, latent: Float32[Array, "*N D"]) -> Float32[Array, "*N D"]:
        return self.steepness * normalize(latent)


def normalize(latent: Float32[Array, "*N D"]) -> Float32[Array, "*N D"]:
    """Latents scaled to the unit sphere."""
    return latent * jax.lax.rsqrt(jnp.sum(latent**2, axis=-1, keepdims=True) + 1e-12)


def _spread(occupied: Occupancy) -> Float32[Array, ""]:
    """Entropy of the mean distribution of a batch, in nats per bit; large if all tokens are used.

    The mean of the entropies of single bits and of groups of bits.
    """
    mean = jnp.clip(occupied.ones, 1e-6, 1 - 1e-6)
    by_bit = jnp.mean(_binary_entropy(jnp.log(mean) - jnp.log1p(-mean)))
    total = jnp.float32(0)
    for share in occupied.groups:
        total -= jnp.sum(share * jnp.log(share + 1e-9))
    return 0.5 * (by_bit + total / len(mean))


def _binary_entropy(logits: Float32[Array, "*N"]) -> Float32[Array, "*N"]:
    # In terms of the logit, as log(1 - p + eps) is NaN in float32 if p rounds to 1.
    return jax.nn.softplus(logits) - logits * jax.nn.sigmoid(logits)
