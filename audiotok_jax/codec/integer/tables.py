"""Tables of the integer encoder, NumPy arrays.

Those of trigonometric and exponential functions are rounded from float64. A test asserts that none
of their values lies near a tie, so that every mathematical library gives the same integers.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.config import CodecConfig

Array = NDArray[np.integer]

AMPLITUDE = 127 * 256
"""Of the twiddles."""

DECAY = 256
"""Entries of `falling`."""


# Higher frequencies hardly distinguish fundamentals.
_HIGHEST_HARMONIC_HZ = 2500.0


def spans(config: CodecConfig) -> tuple[int, ...]:
    """Subframes that each analysis window spans, the longest first: 8, 4 or 2."""
    return tuple(window // config.subframe_length for window in config.windows)


def harmonic_bins(config: CodecConfig) -> range:
    """Bins of the longest window from which periodicity is computed.

    Without the DC component, which the window spreads over two bins.
    """
    return range(2, math.ceil(_HIGHEST_HARMONIC_HZ * config.n_fft / config.sample_rate))


def features(config: CodecConfig) -> int:
    """Number of inputs of the network per frame."""
    bins = sum(window // 2 + 1 for window in config.windows)
    return (bins + config.pitch_bins) * config.subframes


def split(values: Any) -> tuple[Any, Any]:
    """Planes of integers up to 127.5 * 256: values = 256 * high + low, low in -128..127."""
    high = (values + 128) >> 8
    return high, values - (high << 8)


@functools.cache
def twiddles(config: CodecConfig) -> Array:
    """Cosines and negative sines of a block of samples, int32 (subframe_length, 2 * bins).

    At the frequencies of the longest window, window // 2 + 1 bins.
    """
    bins = np.arange(config.n_fft // 2 + 1)
    # Whole turns are removed in integers.
    turns = np.arange(config.subframe_length)[:, None] * bins % config.n_fft
    angles = 2 * np.pi * turns / config.n_fft
    return _rounded(AMPLITUDE * np.concatenate([np.cos(angles), -np.sin(angles)], axis=1))


def signs(bins: int, parts: int) -> tuple[Array, Array]:
    """Signs of cos and sin of 2 * pi * bin / parts, for parts of 2, 4 or 8: int32 (bins,) each."""
    cos = np.array([1, 1, 0, -1, -1, -1, 0, 1], np.int32)
    eighths = np.arange(bins) * (8 // parts) % 8
    return cos[eighths], cos[(eighths - 2) % 8]


def middle(span: int, config: CodecConfig) -> int:
    """Offset subtracted from 12 * log2(magnitude): a square wave of full scale gives 127."""
    return round(12 * math.log2(2**28 * span * config.subframe_length / 800)) - 127


@functools.cache
def combs(config: CodecConfig) -> Array:
    """Cosines of the `harmonic_bins` at each lag, int32 (bins, pitch_bins) within +-126."""
    steps = np.arange(config.pitch_bins) * config.pitch_cents / 1200
    lags = config.sample_rate / (config.pitch_min * 2.0**steps)
    angles = 2 * np.pi * np.array(harmonic_bins(config))[:, None] * lags / config.n_fft
    return _rounded(126 * np.cos(angles))  # no tie at one half


@functools.cache
def falling() -> Array:
    """Magnitudes below one of 127, by steps of 1 / 16 in log2 of power: int32 (DECAY,)."""
    return _rounded(127 * 2.0 ** (-(np.arange(DECAY) + 0.5) / 32))


@functools.cache
def reciprocals() -> Array:
    """2 ** 16 / (u + 1 / 2) for u in 128..255, int32 (128,)."""
    return (2**17 // (2 * np.arange(128, 256) + 1)).astype(np.int32)


@functools.cache
def roots(dim: int) -> Array:
    """2 ** 16 * sqrt(dim / (u + 1 / 2)) for u in 1024..4095, int32 (3072,), up to 2 ** 16."""
    squares = [8 * dim * 4**16 // (2 * u + 1) for u in range(1024, 4096)]
    return np.array([(math.isqrt(square) + 1) // 2 for square in squares], np.int32)


def _rounded(values: NDArray[np.float64]) -> Array:
    return np.floor(values + 0.5).astype(np.int32)
