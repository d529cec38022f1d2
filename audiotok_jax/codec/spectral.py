"""Framing and Fourier transforms over frames."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex64, Float32, Shaped


def aligned(vector: Shaped[Any, " D"], x: Shaped[Any, "..."]) -> Shaped[Any, "..."]:
    """Reshapes (D,) to (1, ..., 1, D) with the rank of `x`, as implicit rank promotion is off."""
    return vector.reshape((1,) * (x.ndim - 1) + vector.shape)


@functools.cache
def hann(length: int) -> Float32[np.ndarray, " {length}"]:
    """Periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def frame(
    wave: Float32[Array, "*B S"], length: int, hop: int
) -> Float32[Array, "*B S//{hop}-{length}//{hop}+1 {length}"]:
    """Overlapping frames, without padding; `hop` divides `length` and S.

    Made from shifted blocks of `hop` samples instead of a gather, whose gradient, a scatter, is
    slow on a CPU.
    """
    blocks = wave.reshape(*wave.shape[:-1], -1, hop)
    overlap = length // hop
    count = blocks.shape[-2] - overlap + 1
    return jnp.concatenate([blocks[..., i : i + count, :] for i in range(overlap)], axis=-1)


def overlap_add(frames: Float32[Array, "*B N L"], hop: int) -> Float32[Array, "*B (N-1)*{hop}+L"]:
    """Sum of overlapping frames, the adjoint of `frame`."""
    *lead, count, length = frames.shape
    overlap = length // hop
    parts = frames.reshape(*lead, count, overlap, hop)
    none = [(0, 0)] * len(lead)
    total = sum(
        jnp.pad(parts[..., i, :], [*none, (i, overlap - 1 - i), (0, 0)]) for i in range(overlap)
    )
    return jnp.asarray(total).reshape(*lead, -1)


def magnitude(
    frames: Float32[Array, "*N L"], window: Float32[np.ndarray, " L"]
) -> Float32[Array, "*N L//2+1"]:
    """Magnitude spectra of windowed frames.

    An offset in the square root avoids zero, where the gradient of `abs` is NaN.
    """
    spectrum = jnp.fft.rfft(frames * aligned(window, frames))
    return jnp.sqrt(spectrum.real**2 + spectrum.imag**2 + 1e-12)


def minimum_phase(log_magnitude: Float32[Array, "*N F"]) -> Complex64[Array, "*N F"]:
    """Spectrum of the minimum-phase filter of a given (natural) log-magnitude.

    By the folded real cepstrum (Oppenheim and Schafer, Discrete-Time Signal Processing, 13.5).
    """
    half = log_magnitude.shape[-1] - 1
    fold = np.concatenate([[1.0], np.full(half - 1, 2.0), [1.0], np.zeros(half - 1)])
    cepstrum = jnp.fft.irfft(log_magnitude)
    return jnp.exp(jnp.fft.rfft(cepstrum * aligned(fold.astype(np.float32), cepstrum)))
