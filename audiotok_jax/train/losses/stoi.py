"""Intelligibility, modelled on STOI (Taal et al. 2011)."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32

from audiotok_jax.train.losses.bands import powers
from audiotok_jax.train.losses.loss import Loss, PerClip, Wave

# From the paper: segments of 30 half-overlapping frames of 25.6 ms, a lower bound of -15 dB.
SEGMENT = 30
STRIDE = 3
BOUND = 1 + 10 ** (15 / 20)


@dataclasses.dataclass(frozen=True)
class StoiLoss(Loss):
    """One minus the short-time objective intelligibility, about 0 to 1.

    The correlation of envelopes in 15 third-octave bands from 150 Hz, averaged over bands and
    segments; frames 40 dB below the loudest of the reference do not count. A crop of less than
    0.39 s is one shorter segment. The reference is the recording, as a denoised target may have
    lost speech that must stay intelligible.
    """

    name = "stoi_loss"
    reference: str = "recording"

    def __call__(self, decoded: Wave, reference: Wave, rate: int, network: Any = None) -> PerClip:
        ours, theirs = (powers(wave, 0.025, 2, rate) for wave in (decoded, reference))
        energy = jnp.sum(theirs, axis=-1)
        active = (energy > 1e-4 * jnp.max(energy, axis=1, keepdims=True)) & (energy > 1e-6)
        bands = _third_octaves(theirs.shape[-1], rate)
        y, x = (_segments(jnp.sqrt(power @ bands + 1e-10)) for power in (ours, theirs))
        weight = _segments(active[..., None].astype(jnp.float32))
        # Offsets avoid zero, where the square root has no gradient.
        norm = jnp.sqrt((_total(weight * x**2) + 1e-12) / (_total(weight * y**2) + 1e-12))
        y = jnp.minimum(y * norm, BOUND * x)
        count = _total(weight) + 1e-6
        x, y = x - _total(weight * x) / count, y - _total(weight * y) / count
        energies = _total(weight * x**2) * _total(weight * y**2)
        correlation = _total(weight * x * y) * jax.lax.rsqrt(energies + 1e-16)
        # Segments are weighted by their active frames; silence counts as intelligible.
        score = jnp.sum(count * correlation, axis=(1, 2, 3)) + 1e-3
        return 1 - score / (correlation.shape[-1] * jnp.sum(count, axis=(1, 2, 3)) + 1e-3)


def _segments(frames: Float32[Array, "B N bands"]) -> Float32[Array, "B segments frames bands"]:
    """Overlapping segments of up to `SEGMENT` frames."""
    length = min(SEGMENT, frames.shape[1])
    starts = range(0, frames.shape[1] - length + 1, STRIDE)
    return jnp.stack([frames[:, start : start + length] for start in starts], axis=1)


def _total(
    segments: Float32[Array, "B segments frames bands"],
) -> Float32[Array, "B segments 1 bands"]:
    return jnp.sum(segments, axis=2, keepdims=True)


@functools.cache
def _third_octaves(bins: int, sample_rate: int) -> Float32[np.ndarray, "{bins} 15"]:
    """1 where a bin lies in a band, else 0."""
    frequencies = np.linspace(0, sample_rate / 2, bins)[:, None]
    centres = 150.0 * 2 ** (np.arange(15) / 3)
    inside = (frequencies >= centres * 2 ** (-1 / 6)) & (frequencies < centres * 2 ** (1 / 6))
    return inside.astype(np.float32)
