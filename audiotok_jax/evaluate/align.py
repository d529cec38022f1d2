"""Alignment of a decoded wave with its original: removes the delay and makes the lengths equal.

For a codec that keeps the waveform, the delay is found to the sample at the peak of a
cross-correlation with a partly whitened spectrum: PHAT-beta (Knapp and Carter 1976, "The
generalized correlation method for estimation of time delay"; Donohue, Hannemann and Dietz 2007,
"Performance of phase transform for detecting sound sources"). Without whitening, voiced speech also
has high peaks at multiples of the pitch period.

A vocoder generates its own phases, so the best match of waveforms is arbitrary within a few pitch
periods. Then no peak stands out, and the delay is that of the best match of mel band envelopes, as
in the first estimate of PESQ (ITU-T P.862, 10.1.2). It is accurate to about 1 ms, which suffices
for metrics that ignore phases.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from audiotok_jax.audio import to_mono

LIMIT = 0.5
"""The longest delay in either direction, in seconds."""

WHITENING = 0.8  # beta: 0 keeps the spectrum, 1 makes it flat
# Height of the peak over the root mean square within the limit.  Of 186 clips of speech it was 27
# to 64 for Speex at 4 and Opus at 6 kbps, above 30 for speech in as much white noise, and 6 to 20
# for this codec and Codec2, except for 7 clips with a higher peak within 5 ms of the envelopes'.
OUTSTANDING = 25.0

BANDS = 16
BAND_LIMITS = (100.0, 3800.0)  # Hz, within the telephone band
COMPRESSION = 0.25  # exponent of the energy, approximately that of loudness


class Aligned(NamedTuple):
    """A decoded wave, aligned.

    Attributes:
        decoded: float32 (S,), cut or zero-padded to the span of the original.
        delay: of the decoded wave in samples; negative if it was early.
        length_difference: of the decoded wave before alignment minus the original, in samples.
    """

    decoded: NDArray[np.float32]
    delay: int
    length_difference: int


def align(original: ArrayLike, decoded: ArrayLike, rate: int) -> Aligned:
    """Estimates one delay for a whole clip and removes it.

    Args:
        original: (S,), as for `audio.to_mono`.
        decoded: (R,), likewise, of any length.
        rate: of both, in Hz, at least 8000.

    Returns:
        The decoded wave with the length of the original. If one of them is silent, the delay is 0.

    Raises:
        ValueError: a wave is invalid.
    """
    original, decoded = to_mono(original), to_mono(decoded)
    delay = _delay(original, decoded, rate) if original.any() and decoded.any() else 0
    excess = len(decoded) - len(original)
    padded = np.pad(decoded, (max(-delay, 0), max(delay - excess, 0)))
    start = max(delay, 0)
    return Aligned(padded[start : start + len(original)], delay, excess)


def _delay(original: NDArray[np.float32], decoded: NDArray[np.float32], rate: int) -> int:
    limit = round(LIMIT * rate)
    match = np.abs(_correlation(original, decoded, limit, WHITENING))  # some invert the sign
    if match.max() < OUTSTANDING * np.sqrt(np.mean(match**2)):
        match = _envelope_match(original, decoded, rate, limit)
    return int(np.argmax(match)) - limit


def _envelope_match(
    original: NDArray[np.float32], decoded: NDArray[np.float32], rate: int, limit: int
) -> NDArray[np.floating]:
    """Sum over bands of the correlation of envelopes, at delays of -limit..limit samples."""
    hop = rate // 1000
    ours, theirs = _envelopes(original, rate, hop), _envelopes(decoded, rate, hop)
    return _correlation(ours, theirs, limit, upsampling=hop).sum(axis=0)


def _envelopes(wave: NDArray[np.float32], rate: int, hop: int) -> NDArray[np.floating]:
    """Loudness of each band, without its mean and of unit energy: (bands, frames).

    Frames of 32 ms average over glottal pulses, so that envelopes are band-limited and can be
    interpolated.
    """
    import librosa

    low, high = BAND_LIMITS
    energy = librosa.feature.melspectrogram(
        y=wave, sr=rate, n_fft=32 * hop, hop_length=hop, n_mels=BANDS, fmin=low, fmax=high
    )
    loudness = energy**COMPRESSION
    loudness -= loudness.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(loudness, axis=1, keepdims=True)
    return loudness / np.maximum(norm, np.finfo(np.float32).tiny)


def _correlation(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    limit: int,
    whitening: float = 0.0,
    upsampling: int = 1,
) -> NDArray[np.floating]:
    """Correlates along the last axis.

    Args:
        first, second: (..., S) and (..., R).
        limit: largest delay of `second`, in samples after upsampling.
        upsampling: a whole factor.

    Returns:
        (..., 2 * limit + 1), of delays from -limit to limit.
    """
    longest = max(first.shape[-1], second.shape[-1])
    size = fft.next_fast_len(longest + -(-limit // upsampling) + 1, real=True)
    cross = np.conj(fft.rfft(first, size)) * fft.rfft(second, size)
    if whitening:
        cross /= np.maximum(np.abs(cross), np.finfo(np.float32).tiny) ** whitening
    match = fft.irfft(cross, upsampling * size)
    return np.concatenate([match[..., -limit:], match[..., : limit + 1]], axis=-1)
