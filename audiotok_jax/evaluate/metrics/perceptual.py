"""PESQ and STOI: predicted quality and intelligibility."""

from __future__ import annotations

import warnings

import numpy as np

from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave

# The library crashes for more than 50 utterances; an utterance and a pause take 0.2 s each.
PESQ_SECONDS = 20


def pesq_wb(original: Original, decoded: Wave) -> Values:
    """Wideband PESQ (ITU-T P.862.2), as MOS-LQO in 1.02..4.64, by the library `pesq`.

    For more than 20 s, the mean over equal pieces of at most 20 s, as PESQ is defined for short
    clips. None for less than 1/4 s, if it finds no utterance in the original, and for silence; such
    pieces do not count.
    """
    count = -(-len(decoded) // (PESQ_SECONDS * RATE))
    pieces = zip(np.array_split(original.wave, count), np.array_split(decoded, count), strict=True)
    scores = [score for piece in pieces if (score := _pesq_wb(*piece)) is not None]
    return {"pesq_wb": float(np.mean(scores)) if scores else None}


def _pesq_wb(original: Wave, decoded: Wave) -> float | None:
    from pesq import BufferTooShortError, NoUtterancesError, pesq

    if not decoded.any():  # silence would be divided by its level
        return None
    try:
        return float(pesq(RATE, original, decoded, "wb"))
    except (BufferTooShortError, NoUtterancesError):
        return None


def stoi(original: Original, decoded: Wave) -> Values:
    """STOI (Taal et al. 2011), at most 1, by the library `pystoi`.

    None if the original, without frames 40 dB below its loudest, is shorter than 0.4 s.
    """
    return {"stoi": _stoi(original.wave, decoded, extended=False)}


def estoi(original: Original, decoded: Wave) -> Values:
    """Extended STOI (Jensen and Taal 2016), otherwise as `stoi`."""
    return {"estoi": _stoi(original.wave, decoded, extended=True)}


def _stoi(original: Wave, decoded: Wave, extended: bool) -> float | None:
    from pystoi import stoi

    if len(original) < 0.4 * RATE or not original.any():
        return None
    state = np.random.get_state()
    np.random.seed(0)  # the library adds noise at the limit of precision
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
            return float(stoi(original, decoded, RATE, extended))
    except RuntimeWarning:
        return None
    finally:
        np.random.set_state(state)
