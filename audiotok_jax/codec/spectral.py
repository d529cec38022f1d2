"""Framing, Fourier transforms over frames and mel filters."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import librosa
import numpy as np
from jax import Array


def aligned(vector: Any, x: Array) -> Any:
    """(D,) to (1, ..., 1, D), of as many axes as `x`: the package does not promote ranks."""
    return vector.reshape((1,) * (x.ndim - 1) + vector.shape)


@functools.cache
def hann(length: int) -> np.ndarray:
    """Periodic Hann window, float32 (length,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def frame(wave: Array, length: int, hop: int) -> Array:
    """Overlapping frames, without padding.

    Built from shifted blocks of `hop` samples and not from a gather, whose gradient is a slow
    scatter on a CPU.

    Args:
        wave: (..., S).
        length: samples per frame; a multiple of `hop`.
        hop: samples between the starts of two frames; divides S.

    Returns:
        (..., S // hop - length // hop + 1, length).
    """
    blocks = wave.reshape(*wave.shape[:-1], -1, hop)
    overlap = length // hop
    count = blocks.shape[-2] - overlap + 1
    return jnp.concatenate([blocks[..., i : i + count, :] for i in range(overlap)], axis=-1)


def overlap_add(frames: Array, hop: int) -> Array:
    """The adjoint of `frame`: (..., N, length) -> (..., (N - 1) * hop + length)."""
    *lead, count, length = frames.shape
    overlap = length // hop
    parts = frames.reshape(*lead, count, overlap, hop)
    none = [(0, 0)] * len(lead)
    total = sum(
        jnp.pad(parts[..., i, :], [*none, (i, overlap - 1 - i), (0, 0)]) for i in range(overlap)
    )
    return jnp.asarray(total).reshape(*lead, -1)


def magnitude(frames: Array, window: np.ndarray) -> Array:
    """Magnitude spectrum of windowed frames: (..., length) -> (..., length // 2 + 1).

    The square root is kept off zero, where the gradient of `abs` is not a number.
    """
    spectrum = jnp.fft.rfft(frames * aligned(window, frames))
    return jnp.sqrt(spectrum.real**2 + spectrum.imag**2 + 1e-12)


@functools.cache
def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> np.ndarray:
    """Slaney mel filters of unit sum, float32 (n_fft // 2 + 1, n_mels).

    Filters narrower than one bin are left out, so that none is empty.
    """
    weights = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, norm=None)
    weights = weights[weights.sum(axis=1) > 0]
    return (weights / weights.sum(axis=1, keepdims=True)).T.astype(np.float32)


def minimum_phase(log_magnitude: Array) -> Array:
    """Spectrum of the minimum-phase filter of a given log-magnitude.

    By the folded real cepstrum (Oppenheim and Schafer, Discrete-Time Signal Processing, 13.5).

    Args:
        log_magnitude: natural logarithm of the magnitude, float32 (..., n // 2 + 1), n even.

    Returns:
        complex64 of the same shape.
    """
    half = log_magnitude.shape[-1] - 1
    fold = np.concatenate([[1.0], np.full(half - 1, 2.0), [1.0], np.zeros(half - 1)])
    cepstrum = jnp.fft.irfft(log_magnitude)
    return jnp.exp(jnp.fft.rfft(cepstrum * aligned(fold.astype(np.float32), cepstrum)))
