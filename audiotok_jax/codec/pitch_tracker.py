"""Pitch tracker for recorded speech, whose result is the target of the decoder.

The best path (Viterbi) through the periodicity of frames at the fundamental frequencies that the
decoder chooses from, with a cost of jumps (Boersma 1993, as in Praat).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32

from audiotok_jax.codec.pitch import periodicity, pitch_frequencies
from audiotok_jax.codec.spectral import aligned, frame, hann, magnitude
from audiotok_jax.config import CodecConfig

# Praat's preference for higher candidates, and its cost of a jump by an octave in 10 ms.
OCTAVE_COST = 0.01
OCTAVE_JUMP_COST = 0.35
# Largest move per frame, in steps of the frequency table.
REACH = 24


def track(
    wave: Float32[Array, "B S"], config: CodecConfig
) -> tuple[Int32[Array, "B S//{config.hop_length}"], Float32[Array, "B S//{config.hop_length}"]]:
    """Fundamental frequency at the start of every frame.

    Returns:
        Indices into `pitch_frequencies`, and the periodicity of the frames in [0, 1].
    """
    half = config.n_fft // 2
    hop = config.subframe_length
    frames = frame(jnp.pad(wave, ((0, 0), (half, half))), config.n_fft, hop)
    frames = frames[:, : -1 : config.subframes]
    strength = periodicity(magnitude(frames, hann(config.n_fft)) ** 2, config)
    frequencies = pitch_frequencies(config)
    octaves_below_top = np.log2(frequencies[-1] / frequencies).astype(np.float32)
    path = _best_path(strength - aligned(OCTAVE_COST * octaves_below_top, strength), config)
    periodic = jnp.take_along_axis(strength, path[..., None], axis=-1)[..., 0]
    return path, jnp.clip(periodic, 0.0, 1.0)


def _best_path(score: Float32[Array, "B T N"], config: CodecConfig) -> Int32[Array, "B T"]:
    """Path of the largest sum of scores less the cost of its moves."""
    octaves = np.abs(np.arange(-REACH, REACH + 1)) * config.pitch_cents / 1200
    seconds = config.hop_length / config.sample_rate
    cost = (OCTAVE_JUMP_COST * octaves * 0.01 / seconds).astype(np.float32)
    batch, _, size = score.shape

    def forward(
        best: Float32[Array, "B N"], now: Float32[Array, "B N"]
    ) -> tuple[Float32[Array, "B N"], Int32[Array, "B N"]]:
        padded = jnp.pad(best, ((0, 0), (REACH, REACH)), constant_values=-jnp.inf)
        moves = jnp.stack([padded[:, i : i + size] - cost[i] for i in range(2 * REACH + 1)])
        return now + jnp.max(moves, axis=0), jnp.argmax(moves, axis=0) - REACH

    def back(
        state: Int32[Array, " B"], move: Int32[Array, "B N"]
    ) -> tuple[Int32[Array, " B"], Int32[Array, " B"]]:
        before = state + jnp.take_along_axis(move, state[:, None], axis=1)[:, 0]
        return before, state

    by_time = jnp.moveaxis(score, 1, 0)
    best, moves = jax.lax.scan(forward, by_time[0], by_time[1:])
    last = jnp.argmax(best, axis=-1)
    first, rest = jax.lax.scan(back, last, moves, reverse=True)
    return jnp.moveaxis(jnp.concatenate([first[None], rest]), 0, 1).astype(jnp.int32)
