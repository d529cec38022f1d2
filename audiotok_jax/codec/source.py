"""Excitation of the source-filter decoder: harmonics of a fundamental, and noise.

The phase of the fundamental is an unsigned 32-bit fraction of a cycle that wraps around, as in a
numerically controlled oscillator. Sums of it are exact in any order, so the phase at a frame
does not depend on how the frames before it were cut into windows.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.codec.pitch import pitch_frequencies
from audiotok_jax.config import CodecConfig

_CYCLE = 2.0**32


def phase_steps(pitch: Array, config: CodecConfig) -> Array:
    """Phase increments at the starts of frames, smoothed over three frames.

    Args:
        pitch: int32 (B, T + 2), indices of fundamental frequencies.

    Returns:
        uint32 (B, T), increments per sample.
    """
    table = np.round(pitch_frequencies(config) / config.sample_rate * _CYCLE).astype(np.uint32)
    steps = jnp.asarray(table)[pitch]
    return (steps[:, :-2] + 2 * steps[:, 1:-1] + steps[:, 2:]) >> 2


def _slopes(steps: Array, hop: int) -> Array:
    """Change of the increment per sample within each frame: uint32 (B, T + 1) -> (B, T)."""
    change = steps[:, 1:].astype(jnp.int32) - steps[:, :-1].astype(jnp.int32)
    return (change // hop).astype(jnp.uint32)


def phase_advances(steps: Array, config: CodecConfig) -> Array:
    """Phase gained over each frame: uint32 (B, T + 1) increments -> uint32 (B, T)."""
    hop = config.hop_length
    return steps[:, :-1] * np.uint32(hop) + _slopes(steps, hop) * np.uint32(hop * (hop - 1) // 2)


def harmonics(steps: Array, phase: Array, config: CodecConfig) -> Array:
    """Equally strong harmonics up to half the sample rate, of unit variance.

    The sum of cosines is taken in closed form (Dirichlet kernel); the highest one fades in and
    out as the fundamental moves.

    Args:
        steps: uint32 (B, T + 1), increments at the starts of frames.
        phase: uint32 (B,), phase at the first sample.

    Returns:
        float32 (B, T * hop_length).
    """
    hop = config.hop_length
    n = jnp.arange(hop, dtype=jnp.uint32)[None, None]
    step, slope = steps[:, :-1, None], _slopes(steps, hop)[:, :, None]
    gained = phase_advances(steps, config)
    start = phase[:, None] + jnp.cumsum(gained, axis=1, dtype=jnp.uint32) - gained
    cycles = start[:, :, None] + n * step + (n * (n - 1) // 2) * slope
    radians = cycles.astype(jnp.int32).astype(jnp.float32) * np.float32(2 * np.pi / _CYCLE)
    count = np.float32(_CYCLE / 2) / (step + n * slope).astype(jnp.float32)
    whole = jnp.floor(count)
    sine = jnp.sin(radians / 2)
    near = jnp.abs(sine) < 1e-5
    ratio = jnp.sin((whole + 0.5) * radians) / jnp.where(near, 1.0, 2 * sine)
    total = jnp.where(near, whole + 0.5, ratio) - 0.5
    total += (count - whole) * jnp.cos((whole + 1) * radians)
    return (total * jnp.sqrt(2 / count)).reshape(steps.shape[0], -1)


def noise(start: Array, frames: int, config: CodecConfig) -> Array:
    """White noise of unit variance that is a function of the position in the clip alone.

    The numbers of `jax.random.normal` with a key of each frame, spelt out: what that draws depends
    on settings that are read when the caller's program is lowered.

    Args:
        start: int32 (B,), index of the first frame; may be negative.
        frames: number of frames T.

    Returns:
        float32 (B, T * hop_length).
    """
    key = jax.random.wrap_key_data(jnp.zeros(2, jnp.uint32), impl="threefry2x32")
    samples = jnp.arange(config.hop_length, dtype=jnp.uint32)

    def one(index: Array) -> Array:
        words = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, index), samples)
        high, low = jnp.moveaxis(jax.random.key_data(words), -1, 0)
        return _normal(high ^ low)

    index = (start[:, None] + jnp.arange(frames, dtype=jnp.int32)[None]).astype(jnp.uint32)
    return jax.vmap(jax.vmap(one))(index).reshape(start.shape[0], -1)


def _normal(bits: Array) -> Array:
    """Standard normal numbers of random bits, uint32 -> float32."""
    one = np.float32(1)
    mantissa = (bits >> 9) | one.view(np.uint32)
    lowest = np.nextafter(-one, np.float32(0))
    uniform = (jax.lax.bitcast_convert_type(mantissa, jnp.float32) - one) * (one - lowest) + lowest
    return np.float32(np.sqrt(2)) * jax.lax.erf_inv(jnp.maximum(lowest, uniform))
