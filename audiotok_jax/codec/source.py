"""Excitation of the source-filter decoder: harmonics of a fundamental.

The phase of the fundamental is an unsigned 32-bit fraction of a cycle that wraps around, as in a
numerically controlled oscillator. Sums of phases are exact in any order, so the phase at a frame
does not depend on how the previous frames were cut into windows.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, UInt32

from audiotok_jax.codec.pitch import pitch_frequencies
from audiotok_jax.config import CodecConfig

_CYCLE = 2.0**32


def phase_steps(pitch: Int32[Array, "B N"], config: CodecConfig) -> UInt32[Array, "B N-2"]:
    """Phase increments per sample at the starts of frames, smoothed over three frames.

    From indices of `pitch_frequencies`.
    """
    table = np.round(pitch_frequencies(config) / config.sample_rate * _CYCLE).astype(np.uint32)
    steps = jnp.asarray(table)[pitch]
    return (steps[:, :-2] + 2 * steps[:, 1:-1] + steps[:, 2:]) >> 2


def _slopes(steps: UInt32[Array, "B N"], hop: int) -> UInt32[Array, "B N-1"]:
    """Change of the increment per sample within each frame."""
    change = steps[:, 1:].astype(jnp.int32) - steps[:, :-1].astype(jnp.int32)
    return (change // hop).astype(jnp.uint32)


def phase_advances(steps: UInt32[Array, "B N"], config: CodecConfig) -> UInt32[Array, "B N-1"]:
    """Phase increment over each frame, from the increments per sample at the frame boundaries."""
    hop = config.hop_length
    return steps[:, :-1] * np.uint32(hop) + _slopes(steps, hop) * np.uint32(hop * (hop - 1) // 2)


def harmonics(
    steps: UInt32[Array, "B N"], phase: UInt32[Array | np.ndarray, " B"], config: CodecConfig
) -> Float32[Array, "B (N-1)*{config.hop_length}"]:
    """Equally strong harmonics up to half the sample rate, of unit variance.

    The sum of cosines is computed in closed form (Dirichlet kernel); the highest one fades in and
    out as the fundamental changes.

    Args:
        steps: phase increments per sample at the frame boundaries.
        phase: at the first sample.
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
