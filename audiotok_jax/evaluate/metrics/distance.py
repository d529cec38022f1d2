"""Distances of spectra, SI-SDR and level, in closed form."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave

MEL_SCALES = tuple((32 << octave, 5 << octave) for octave in range(7))
"""Window in samples and number of mel bands of each scale: 32 and 5 to 2048 and 320."""

MEL_FLOOR = 1e-5

WINDOW, HOP = 512, 128
POWER_FLOOR = 1e-8  # the power density of white noise at -80 dBFS


def mel_distance(original: Original, decoded: Wave) -> Values:
    """Mean absolute difference of log-mel spectra over seven scales, natural logarithm.

    As in DAC (Kumar et al. 2023, "High-Fidelity Audio Compression with Improved RVQGAN") with the
    bands of librosa: Hann windows, hop of a quarter, magnitudes, Slaney filters, nothing below
    1e-5. There it is the sum over the scales, in decadic logarithms: 7 / ln 10 = 3.04 times this.
    """
    pairs = zip(original.feature(_log_mels), _log_mels(decoded), strict=True)
    return {"mel_distance": float(np.mean([np.abs(a - b).mean() for a, b in pairs]))}


def log_spectral_distance(original: Original, decoded: Wave) -> Values:
    """Root mean square difference of power spectra in dB over frequencies, mean over frames.

    Gray and Markel 1976, "Distance measures for speech processing"; frames of 32 ms every 8 ms,
    Hann window, nothing below the density of white noise at -80 dBFS.
    """
    difference = original.feature(_power_db) - _power_db(decoded)
    return {"lsd": float(np.sqrt((difference**2).mean(axis=0)).mean())}


def si_sdr(original: Original, decoded: Wave) -> Values:
    """Scale-invariant signal-to-distortion ratio in dB, of waves without their means.

    Le Roux et al. 2019, "SDR - half-baked or well done?".  Infinite where the decoded wave is the
    original; None where either is silent, or they share nothing.
    """
    reference, estimate = (_without_mean(wave) for wave in (original.wave, decoded))
    energy = float(reference @ reference)
    target = float(reference @ estimate) / energy * reference if energy else reference
    distortion = estimate - target
    if not target.any():
        return {"si_sdr": None}
    if not distortion.any():
        return {"si_sdr": math.inf}
    return {"si_sdr": float(10 * np.log10(target @ target / (distortion @ distortion)))}


def level_difference(original: Original, decoded: Wave) -> Values:
    """Level of the decoded wave over that of the original in dB; None where either is silent."""
    ours, theirs = (np.mean(wave.astype(np.float64) ** 2) for wave in (decoded, original.wave))
    return {"level_difference": float(10 * np.log10(ours / theirs)) if ours and theirs else None}


def _log_mels(wave: Wave) -> list[NDArray[np.float32]]:
    """For each scale float32 (bands, frames)."""
    wave = _long_enough(wave, MEL_SCALES[-1][0])
    return [
        np.log(np.maximum(MEL_FLOOR, _mel(wave, window, bands))) for window, bands in MEL_SCALES
    ]


def _mel(wave: Wave, window: int, bands: int) -> NDArray[np.float32]:
    import librosa

    filters = librosa.filters.mel(sr=RATE, n_fft=window, n_mels=bands)
    spectrum = librosa.stft(wave, n_fft=window, hop_length=window // 4)
    return filters @ np.abs(spectrum)


def _power_db(wave: Wave) -> NDArray[np.float32]:
    """Periodograms, float32 (WINDOW // 2 + 1, frames)."""
    import librosa

    spectrum = librosa.stft(_long_enough(wave, WINDOW), n_fft=WINDOW, hop_length=HOP)
    energy = np.sum(librosa.filters.get_window("hann", WINDOW) ** 2)
    return 10 * np.log10(np.maximum(POWER_FLOOR, np.abs(spectrum) ** 2 / energy))


def _long_enough(wave: Wave, samples: int) -> Wave:
    return np.pad(wave, (0, max(0, samples - len(wave))))


def _without_mean(wave: Wave) -> NDArray[np.float64]:
    return wave.astype(np.float64) - wave.mean(dtype=np.float64)
