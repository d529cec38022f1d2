"""White noise that is a function of the position in the clip alone.

`CodecConfig.noise` selects one of two generators: "threefry", that of the first models, or "hash",
a few integer operations, which give the same samples in a browser and in other runtimes.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, UInt32

from audiotok_jax.config import CodecConfig

SEED = 0x9E3779B9
"""Added to the index of a sample, as the hash of 0 is 0."""

ROUNDS = ((16, 0x7FEB352D), (15, 0x846CA68B))
"""Rounds of the hash: bits to shift by, and the factor after it."""

LAST_SHIFT = 16

SCALE = np.float32(1 / math.sqrt(4 * (256**2 - 1) / 12))
"""One over the standard deviation of the sum of four bytes."""


def noise(
    start: Int32[Array | np.ndarray, " B"], frames: int, config: CodecConfig
) -> Float32[Array, "B {frames}*{config.hop_length}"]:
    """Noise of unit variance, from the frame `start` on, which may be negative."""
    index = jnp.asarray(start)[:, None] + jnp.arange(frames, dtype=jnp.int32)[None]
    kind = hashed if config.noise == "hash" else threefry
    return kind(index.astype(jnp.uint32), config.hop_length).reshape(start.shape[0], -1)


def hashed(frames: UInt32[Array, "B N"], hop: int) -> Float32[Array, "B N {hop}"]:
    """Sums of the four bytes of a hash of the samples' indices, about normally distributed.

    The hash is `lowbias32` of Wellons (hash-prospector, 2018). All is exact up to the last
    product, and indices wrap around after 2**32 samples.
    """
    samples = jnp.arange(hop, dtype=jnp.uint32)
    x = frames[:, :, None] * np.uint32(hop) + samples[None, None] + np.uint32(SEED)
    for shift, factor in ROUNDS:
        x = (x ^ (x >> shift)) * np.uint32(factor)
    x = x ^ (x >> LAST_SHIFT)
    total = (x & 255) + ((x >> 8) & 255) + ((x >> 16) & 255) + (x >> 24)
    return (total.astype(jnp.int32) - 2 * 255).astype(jnp.float32) * SCALE


def threefry(frames: UInt32[Array, "B N"], hop: int) -> Float32[Array, "B N {hop}"]:
    """The values of `jax.random.normal` with a key for each frame.

    Written out, as the results of that function depend on the settings of JAX at the time when the
    caller's program is lowered.
    """
    key = jax.random.wrap_key_data(jnp.zeros(2, jnp.uint32), impl="threefry2x32")
    samples = jnp.arange(hop, dtype=jnp.uint32)

    def one(index: UInt32[Array, ""]) -> Float32[Array, " hop"]:
        words = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, index), samples)
        high, low = jnp.moveaxis(jax.random.key_data(words), -1, 0)
        return _normal(high ^ low)

    return jax.vmap(jax.vmap(one))(frames)


def _normal(bits: UInt32[Array, "*N"]) -> Float32[Array, "*N"]:
    """Standard normal values from random bits."""
    one = np.float32(1)
    mantissa = (bits >> 9) | one.view(np.uint32)
    lowest = np.nextafter(-one, np.float32(0))
    uniform = (jax.lax.bitcast_convert_type(mantissa, jnp.float32) - one) * (one - lowest) + lowest
    return np.float32(np.sqrt(2)) * jax.lax.erf_inv(jnp.maximum(lowest, uniform))
