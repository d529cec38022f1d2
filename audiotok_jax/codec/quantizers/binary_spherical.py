"""Binary spherical quantization: one codebook of `2 ** bits` entries without a table.

A latent is normalised to the unit sphere and each of its coordinates keeps only its sign
(BSQ, Zhao et al. 2024; the lookup-free quantizer of MAGVIT-2, Yu et al. 2023, on a sphere).
Bit k of a token, the one worth `2 ** k`, is 1 where coordinate k is positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.codec.spectral import aligned

_GROUP = 8
"""Bits that are counted jointly, so that correlated bits are seen; a softmax over all `2 ** bits`
ids never arises."""


class Occupancy(NamedTuple):
    """How often bits are 1, and groups of bits take each of their values, on average.

    Attributes:
        ones: float32 (bits,), probability of a 1.
        groups: for each group of g bits, float32 (2 ** g,), probability of each value.
    """

    ones: Array
    groups: tuple[Array, ...]


@dataclass(frozen=True)
class BinarySpherical:
    """A `quantizers.Quantizer` with a corner of a cube for each token.

    Attributes:
        dim: bits per token, one for each coordinate of a latent.
        steepness: of the probability of a bit, in regularizer and flips: a coordinate u of a
            normalised latent has the logit `steepness * u`. With 16 bits, all coordinates equally
            large, 20 makes logits of 5.
    """

    dim: int
    steepness: float = 20.0

    def encode(self, latent: Array) -> Array:
        """Ids of latents: (..., dim) -> int32 (...). Only the signs count."""
        weights = aligned(1 << np.arange(self.dim, dtype=np.int32), latent)
        return jnp.sum(jnp.where(latent > 0, weights, 0), axis=-1, dtype=jnp.int32)

    def decode(self, tokens: Array) -> Array:
        """Corners of ids: int (...) -> float32 (..., dim); -1, "no token", is the origin."""
        tokens = tokens[..., None]
        ones = tokens >> aligned(np.arange(self.dim, dtype=np.int32), tokens) & 1
        corner = jnp.where(ones > 0, 1.0, -1.0) / np.sqrt(self.dim).astype(np.float32)
        return jnp.where(tokens < 0, 0.0, corner)

    def quantize(
        self, latent: Array, draw: Array | None = None, near: float = 0.0, anywhere: float = 0.0
    ) -> Array:
        """Nearest corner of the inscribed cube; the gradient passes straight through to the sphere.

        An error is a bit flip; away from zero, `near` falls like the probability of the other sign.
        """
        unit = normalize(latent)
        ones = unit > 0
        if draw is not None:
            other = 2 * jax.nn.sigmoid(-self.steepness * jnp.abs(unit))
            ones ^= draw < near * other + anywhere
        corner = jnp.where(ones, 1.0, -1.0) / np.sqrt(self.dim).astype(np.float32)
        return unit + jax.lax.stop_gradient(corner - unit)

    def statistics(self, latent: Array) -> Occupancy:
        """Averages over all latents (B, T, dim)."""
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
        self, latent: Array, statistics: Occupancy
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Makes signs sure, all ids used, and bits change within a clip.

        The terms are "entropy", that of one latent less that of all, in nats per bit (both are
        reported), and "balance", 0 to 0.25: how far bits are, within a clip, from being 1 in a
        quarter to three quarters of the frames; a bit that is constant over a clip is wasted.
        """
        logits = self._logits(latent)
        one, every = jnp.mean(_binary_entropy(logits)), _spread(statistics)
        ones = jnp.mean(jax.nn.sigmoid(logits), axis=1)
        balance = jnp.mean(jnp.maximum(jnp.abs(ones - 0.5) - 0.25, 0.0))
        terms = {"entropy": one - every, "balance": balance}
        return terms, {"entropy_of_one": one, "entropy_of_all": every}

    def _logits(self, latent: Array) -> Array:
        return self.steepness * normalize(latent)


def normalize(latent: Array) -> Array:
    """(..., dim) onto the unit sphere."""
    return latent * jax.lax.rsqrt(jnp.sum(latent**2, axis=-1, keepdims=True) + 1e-12)


def _spread(occupied: Occupancy) -> Array:
    """Entropy of the average over a batch, in nats per bit; large if all ids are used.

    The mean of the entropy by single bits and the one by groups.
    """
    mean = jnp.clip(occupied.ones, 1e-6, 1 - 1e-6)
    by_bit = jnp.mean(_binary_entropy(jnp.log(mean) - jnp.log1p(-mean)))
    total = jnp.float32(0)
    for share in occupied.groups:
        total -= jnp.sum(share * jnp.log(share + 1e-9))
    return 0.5 * (by_bit + total / len(mean))


def _binary_entropy(logits: Array) -> Array:
    # From the logit: log(1 - p + eps) is not a number in float32 where p rounds to 1.
    return jax.nn.softplus(logits) - logits * jax.nn.sigmoid(logits)
