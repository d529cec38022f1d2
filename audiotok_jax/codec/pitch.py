"""Candidate fundamental frequencies, and the periodicity of frames at each of them."""

from __future__ import annotations

import numpy as np
from jax import Array
from jaxtyping import Float32, Float64

from audiotok_jax.codec.spectral import hann
from audiotok_jax.config import CodecConfig

# Higher frequencies hardly distinguish fundamentals.
HIGHEST_HARMONIC_HZ = 2500.0


def pitch_frequencies(config: CodecConfig) -> Float64[np.ndarray, " {config.pitch_bins}"]:
    """Fundamental frequencies that the decoder chooses from, in Hz."""
    steps = np.arange(config.pitch_bins) * config.pitch_cents / 1200
    return config.pitch_min * 2.0**steps


def periodicity(
    power: Float32[Array, "*N F"], config: CodecConfig
) -> Float32[Array, "*N {config.pitch_bins}"]:
    """Autocorrelation at the periods of `pitch_frequencies`, about 1 for a periodic frame.

    The autocorrelation of the windowed frame divided by that of the window (Boersma 1993, as in
    Praat), by the inverse transform of the power spectrum at real-valued lags; `power` has the
    `n_fft // 2 + 1` bins of frames under a Hann window.
    """
    bins = np.arange(config.n_fft // 2 + 1)
    twice = np.where((bins == 0) | (bins == config.n_fft // 2), 1.0, 2.0)
    lags = config.sample_rate / pitch_frequencies(config)
    cosines = twice[:, None] * np.cos(2 * np.pi * bins[:, None] * lags / config.n_fft)
    of_window = np.abs(np.fft.rfft(hann(config.n_fft))) ** 2
    # At the longest lags, windows hardly overlap, and division would amplify noise.
    scale = 1.0 / np.maximum(of_window @ cosines / (of_window @ twice), 0.1)
    # Without the DC component, which the window spreads over two bins.
    used = (bins > 1) & (bins * config.sample_rate / config.n_fft < HIGHEST_HARMONIC_HZ)
    kept = (used[:, None] * cosines * scale).astype(np.float32)
    energy = power @ (used * twice).astype(np.float32)
    floor = np.float32(1e-6 * config.n_fft**2)
    return (power @ kept) / (energy[..., None] + floor)
