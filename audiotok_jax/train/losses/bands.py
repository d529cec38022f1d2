"""Power spectra and critical bands, for losses that model hearing."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Float64

from audiotok_jax.codec.spectral import frame, hann

BARK_BANDS = 48


def powers(
    wave: Float32[Array, "B S"], seconds: float, pad: int, sample_rate: int
) -> Float32[Array, "B N bins"]:
    """Power spectra of half-overlapping frames; those of white noise add up to its power.

    Frames are padded with zeros to `pad` times their length.
    """
    length = 2 * int(0.5 * seconds * sample_rate)
    window = hann(length) / np.sqrt(length * np.sum(hann(length) ** 2)).astype(np.float32)
    rest = max(-wave.shape[1] % (length // 2), length - wave.shape[1])
    wave = jnp.pad(wave, ((0, 0), (0, rest)))
    spectrum = jnp.fft.rfft(frame(wave, length, length // 2) * window[None, None], pad * length)
    return 2 * (spectrum.real**2 + spectrum.imag**2)


@functools.cache
def critical_bands(bins: int, sample_rate: int) -> Float32[np.ndarray, "{bins} bands"]:
    """Overlap of each bin with each of the `BARK_BANDS`."""
    step = sample_rate / 2 / (bins - 1)
    centres, edges = step * np.arange(bins)[:, None], band_edges(sample_rate)
    upper = np.minimum(centres + step / 2, edges[1:])
    lower = np.maximum(centres - step / 2, edges[:-1])
    return (np.maximum(upper - lower, 0) / step).astype(np.float32)


@functools.cache
def band_edges(sample_rate: int) -> Float64[np.ndarray, " edges"]:
    """Edges of the `BARK_BANDS` in Hz, one more than there are bands."""
    rates = np.linspace(_bark(np.array(60.0)), _bark(np.array(sample_rate / 2)), BARK_BANDS + 1)
    return 1960 * (rates + 0.53) / (26.28 - rates)


def _bark(frequencies: Float64[np.ndarray, "*N"]) -> Any:
    """Critical-band rate (Traunmueller 1990)."""
    return 26.81 * frequencies / (1960 + frequencies) - 0.53
