"""Losses in the terms of listeners: intelligibility, disturbance, timbre and level.

They hear what `losses.reconstruction` hardly does: that the course of a band over time is kept,
that errors count by how loud they are, and that a voice keeps its colour. They are approximations
to be differentiated; what is reported of a model is measured by the libraries of
`audiotok_jax.evaluate`.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.codec.spectral import frame, hann

# Taal et al. 2011 (STOI): frames of 25.6 ms, a segment of 30 half-overlapping frames, 15 bands of
# a third of an octave from 150 Hz on, a bound of -15 dB, frames down to -40 dB.
SEGMENT = 30
STRIDE = 3
BOUND = 1 + 10 ** (15 / 20)
# ITU-T P.862 (PESQ): level of presentation in dB SPL, exponent of loudness, weight of what was
# added beside all that is apart.
PRESENTATION_DB = 79.0
EXPONENT = 0.23
ADDED = 0.309
BARK_BANDS = 48


def intelligibility(decoded: Array, wave: Array, sample_rate: int) -> Array:
    """One less the short-time objective intelligibility (Taal et al. 2011).

    The mean over bands and segments of the correlation of the two envelopes; frames that are
    silent in the original count for nothing.

    Args:
        decoded, wave: float32 (B, S); of less than 0.39 s, one shorter segment is taken.

    Returns:
        float32 (B,), about 0 to 1.
    """
    ours, theirs = _power(decoded, 0.025, 2, sample_rate), _power(wave, 0.025, 2, sample_rate)
    energy = jnp.sum(theirs, axis=-1)
    heard = (energy > 1e-4 * jnp.max(energy, axis=1, keepdims=True)) & (energy > 1e-6)
    bands = _third_octaves(theirs.shape[-1], sample_rate)
    y, x = _segments(jnp.sqrt(ours @ bands + 1e-10)), _segments(jnp.sqrt(theirs @ bands + 1e-10))
    weight = _segments(heard[..., None].astype(jnp.float32))
    # Off zero, where the root has no gradient.
    norm = jnp.sqrt((_total(weight * x**2) + 1e-12) / (_total(weight * y**2) + 1e-12))
    y = jnp.minimum(y * norm, BOUND * x)
    count = _total(weight) + 1e-6
    x, y = x - _total(weight * x) / count, y - _total(weight * y) / count
    energies = _total(weight * x**2) * _total(weight * y**2)
    correlation = _total(weight * x * y) * jax.lax.rsqrt(energies + 1e-16)
    # A segment counts by how much of it is heard; silence is understood.
    score = jnp.sum(count * correlation, axis=(1, 2, 3)) + 1e-3
    return 1 - score / (correlation.shape[-1] * jnp.sum(count, axis=(1, 2, 3)) + 1e-3)


def disturbance(decoded: Array, wave: Array, sample_rate: int) -> Array:
    """What PESQ (ITU-T P.862) hears between two sounds, to be differentiated.

    As in its loss by Martin-Donas et al. 2018: both sounds at one level; the original filtered to
    the mean spectrum of the other, and each frame of the other brought to the level of the
    original's, so that these count for nothing; then the difference of loudness densities, less
    what is masked, with what was added counted once more. PESQ's sums over time, which look at
    the worst frames, are a plain mean here, and its tables are formulas.

    Args:
        decoded, wave: float32 (B, S).

    Returns:
        float32 (B,), in sones per Bark, 0 if they differ by level and linear filtering alone.
    """
    bands = _critical_bands(int(0.032 * sample_rate) // 2 + 1, sample_rate)
    quiet = _threshold(sample_rate)
    y, x = (_presented(sound, bands, sample_rate) for sound in (decoded, wave))
    heard = jnp.sum(x, axis=-1, keepdims=True) > 1e-3 * 10 ** (PRESENTATION_DB / 10)

    def spectrum(power: Array) -> Array:
        return jnp.sum(heard * power, axis=1, keepdims=True) + 1e3

    def audible(power: Array) -> Array:
        return jnp.sum(jnp.where(power > quiet, power, 0.0), axis=-1, keepdims=True) + 5e3

    x *= jnp.clip(spectrum(y) / spectrum(x), 1e-2, 1e2)
    y *= jnp.clip(audible(x) / audible(y), 3e-4, 5.0)

    def density(power: Array) -> Array:
        above = (0.5 + 0.5 * power / quiet) ** EXPONENT - 1
        return jnp.maximum(above, 0.0) * (quiet / 0.5) ** EXPONENT

    ours, theirs = density(y), density(x)
    apart = jnp.maximum(jnp.abs(ours - theirs) - 0.25 * jnp.minimum(ours, theirs), 0.0)
    # PESQ counts this from 3 on and up to 12; from 0 on, so that no rounding makes it jump.
    added = jnp.clip(((y + 50) / (x + 50)) ** 1.2 - 3, 0.0, 9.0) * (12 / 9)
    both = jnp.sqrt(jnp.mean(apart**2, axis=-1) + 1e-9) + ADDED * jnp.mean(added * apart, axis=-1)
    return jnp.mean(both, axis=1)


def timbre(decoded: Array, wave: Array, sample_rate: int) -> Array:
    """Difference of the mean spectra, by which listeners know a voice.

    Of the linear filtering that `disturbance` takes for nothing.

    Args:
        decoded, wave: float32 (B, S).

    Returns:
        float32 (B,), the mean over critical bands of the absolute difference, in nepers.
    """
    bands = _critical_bands(int(0.032 * sample_rate) // 2 + 1, sample_rate)
    ours, theirs = (
        jnp.log(jnp.mean(_power(x, 0.032, 1, sample_rate) @ bands, axis=1) + 1e-8)
        for x in (decoded, wave)
    )
    return jnp.mean(jnp.abs(ours - theirs), axis=-1) / 2


def level(decoded: Array, wave: Array, sample_rate: int) -> Array:
    """Difference of the levels, which `disturbance` takes for nothing either.

    Args:
        decoded, wave: float32 (B, S).

    Returns:
        float32 (B,), absolute, in nepers; next to nothing below -80 dBFS.
    """
    ours, theirs = (jnp.log(jnp.mean(jnp.square(x), axis=1) + 1e-8) for x in (decoded, wave))
    return jnp.abs(ours - theirs) / 2


MEASURES = (intelligibility, disturbance, timbre, level)
"""Each is a loss of the recipe, and has a weight there, by its name."""


def _presented(wave: Array, bands: np.ndarray, sample_rate: int) -> Array:
    """Powers in critical bands, with the mean of the telephone band at the level of presentation.

    (B, S) -> (B, N, BARK_BANDS).
    """
    power = _power(wave, 0.032, 1, sample_rate)
    frequencies = np.linspace(0, sample_rate / 2, power.shape[-1])
    telephone = (frequencies > 350) & (frequencies < 3250)
    level = jnp.mean(jnp.sum(power * telephone, axis=-1), axis=1)[:, None, None] + 1e-7
    return (power @ bands) * (10 ** (PRESENTATION_DB / 10) / level)


def _power(wave: Array, seconds: float, pad: int, sample_rate: int) -> Array:
    """Power spectra of frames that overlap by half, on white noise its power.

    (B, S) -> (B, N, bins).
    """
    length = 2 * int(0.5 * seconds * sample_rate)
    window = hann(length) / np.sqrt(length * np.sum(hann(length) ** 2)).astype(np.float32)
    rest = max(-wave.shape[1] % (length // 2), length - wave.shape[1])
    wave = jnp.pad(wave, ((0, 0), (0, rest)))
    spectrum = jnp.fft.rfft(frame(wave, length, length // 2) * window, pad * length)
    return 2 * (spectrum.real**2 + spectrum.imag**2)


def _segments(frames: Array) -> Array:
    """(B, N, bands) -> (B, segments, SEGMENT, bands)."""
    length = min(SEGMENT, frames.shape[1])
    starts = range(0, frames.shape[1] - length + 1, STRIDE)
    parts = [frames[:, start : start + length] for start in starts]
    return jnp.stack(parts, axis=1)


def _total(segments: Array) -> Array:
    return jnp.sum(segments, axis=2, keepdims=True)


@functools.cache
def _third_octaves(bins: int, sample_rate: int) -> np.ndarray:
    frequencies = np.linspace(0, sample_rate / 2, bins)[:, None]
    centres = 150.0 * 2 ** (np.arange(15) / 3)
    inside = (frequencies >= centres * 2 ** (-1 / 6)) & (frequencies < centres * 2 ** (1 / 6))
    return inside.astype(np.float32)


def _bark(frequencies: np.ndarray) -> np.ndarray:
    """Critical-band rate (Traunmueller 1990)."""
    return 26.81 * frequencies / (1960 + frequencies) - 0.53


@functools.cache
def _band_edges(sample_rate: int) -> np.ndarray:
    rates = np.linspace(_bark(np.array(60.0)), _bark(np.array(sample_rate / 2)), BARK_BANDS + 1)
    return 1960 * (rates + 0.53) / (26.28 - rates)


@functools.cache
def _critical_bands(bins: int, sample_rate: int) -> np.ndarray:
    """Overlap of each bin with each band, float32 (bins, BARK_BANDS)."""
    step = sample_rate / 2 / (bins - 1)
    centres, edges = step * np.arange(bins)[:, None], _band_edges(sample_rate)
    upper = np.minimum(centres + step / 2, edges[1:])
    lower = np.maximum(centres - step / 2, edges[:-1])
    return (np.maximum(upper - lower, 0) / step).astype(np.float32)


@functools.cache
def _threshold(sample_rate: int) -> np.ndarray:
    """Power at the threshold of hearing in each band (Terhardt 1979), re 0 dB SPL."""
    edges = _band_edges(sample_rate)
    khz = 0.5 * (edges[1:] + edges[:-1]) / 1000
    db = 3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    return (10 ** (db / 10)).astype(np.float32)
