"""Binary spherical quantization: one codebook of `2 ** bits` entries without a table.

A latent is normalised to the unit sphere and each of its coordinates keeps only its sign
(BSQ, Zhao et al. 2024; the lookup-free quantizer of MAGVIT-2, Yu et al. 2023, on a sphere).
Bit k of a token, the one worth `2 ** k`, is 1 where coordinate k is positive.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

# Steepness of a bit's probability in the entropy terms: a coordinate of 1 / sqrt(16), where all
# are equally large, has a logit of 5.
INVERSE_TEMPERATURE = 20.0


def normalize(latent: Array) -> Array:
    """(..., bits) onto the unit sphere."""
    return latent * jax.lax.rsqrt(jnp.sum(latent**2, axis=-1, keepdims=True) + 1e-12)


def quantize(unit: Array, wrong: Array | bool = False) -> Array:
    """Nearest corner of the inscribed cube; the gradient passes straight through.

    Args:
        unit: float32 (..., bits) on the unit sphere.
        wrong: bool (..., bits), bits that are turned over.

    Returns:
        float32 (..., bits) of +-1 / sqrt(bits).
    """
    corner = jnp.where((unit > 0) != wrong, 1.0, -1.0) / np.sqrt(unit.shape[-1]).astype(np.float32)
    return unit + jax.lax.stop_gradient(corner - unit)


def flips(unit: Array, draw: Array, near: float, anywhere: float) -> Array:
    """Bits that go wrong by chance, to train with.

    Args:
        unit: float32 (..., bits) on the unit sphere.
        draw: float32 (..., bits), uniform in [0, 1).
        near: chance of a coordinate of zero, on top; it falls as the chance that `uncertainty`
            sees of the other sign.
        anywhere: chance of every bit.

    Returns:
        bool (..., bits).
    """
    other = 2 * jax.nn.sigmoid(-INVERSE_TEMPERATURE * jnp.abs(unit))
    return draw < near * other + anywhere


def to_tokens(latent: Array) -> Array:
    """Ids of latents: float32 (..., bits) -> int32 (...). Only the signs count."""
    weights = 1 << np.arange(latent.shape[-1], dtype=np.int32)
    return jnp.sum((latent > 0) * weights, axis=-1, dtype=jnp.int32)


def from_tokens(tokens: Array, bits: int) -> Array:
    """Corners of ids: int (...) -> float32 (..., bits).

    The id -1 stands for "no token", as before the start and after the end of a clip; it is the
    origin.
    """
    ones = (tokens[..., None] >> np.arange(bits, dtype=np.int32)) & 1
    corner = (2.0 * ones - 1.0) / np.sqrt(bits).astype(np.float32)
    return jnp.where(tokens[..., None] < 0, 0.0, corner)


class Occupancy(NamedTuple):
    """How often bits are 1, and groups of bits take each of their values, on average.

    Attributes:
        ones: float32 (bits,), probability of a 1.
        groups: for each group of g bits, float32 (2 ** g,), probability of each value.
    """

    ones: Array
    groups: tuple[Array, ...]


def uncertainty(unit: Array) -> Array:
    """Mean entropy of the bits of a single latent, in nats per bit; small if signs are sure.

    Args:
        unit: float32 (B, T, bits) on the unit sphere; a coordinate u is a logit of
            `INVERSE_TEMPERATURE * u`.
    """
    return jnp.mean(_binary_entropy(INVERSE_TEMPERATURE * unit))


def occupancy(unit: Array, group: int = 8) -> Occupancy:
    """Averages over a batch, from which `spread` is computed.

    A mean of the occupancies of equal parts of a batch is the occupancy of the batch, so that
    accumulation and sharding can take it together.

    Args:
        unit: float32 (B, T, bits) on the unit sphere.
        group: bits that are counted jointly, so that correlated bits are seen; a softmax over
            all `2 ** bits` ids never arises.
    """
    ones = jax.nn.sigmoid(INVERSE_TEMPERATURE * unit.reshape(-1, unit.shape[-1]))
    bits = ones.shape[-1]
    groups = []
    for start in range(0, bits, group):
        joint = jnp.ones((len(ones), 1))
        for k in range(start, min(start + group, bits)):
            one = ones[:, k : k + 1]
            joint = jnp.concatenate([joint * (1 - one), joint * one], axis=-1)
        groups.append(jnp.mean(joint, axis=0))
    return Occupancy(jnp.mean(ones, axis=0), tuple(groups))


def spread(occupied: Occupancy) -> Array:
    """Entropy of the average over a batch, in nats per bit; large if all ids are used.

    The mean of the entropy by single bits and the one by groups.
    """
    mean = jnp.clip(occupied.ones, 1e-6, 1 - 1e-6)
    by_bit = jnp.mean(_binary_entropy(jnp.log(mean) - jnp.log1p(-mean)))
    total = jnp.float32(0)
    for share in occupied.groups:
        total -= jnp.sum(share * jnp.log(share + 1e-9))
    return 0.5 * (by_bit + total / len(mean))


def imbalance(unit: Array) -> Array:
    """How far bits are, within a clip, from being 1 in a quarter to three quarters of the frames.

    A bit that is constant over a clip, as one for the sort of speaker would be, tells next to
    nothing for what it costs; `spread` sees only the average over many clips.

    Args:
        unit: float32 (B, T, bits) on the unit sphere.

    Returns:
        scalar, the mean excess, 0 to 0.25.
    """
    ones = jnp.mean(jax.nn.sigmoid(INVERSE_TEMPERATURE * unit), axis=1)
    return jnp.mean(jnp.maximum(jnp.abs(ones - 0.5) - 0.25, 0.0))


def _binary_entropy(logits: Array) -> Array:
    # From the logit: log(1 - p + eps) is not a number in float32 where p rounds to 1.
    return jax.nn.softplus(logits) - logits * jax.nn.sigmoid(logits)
