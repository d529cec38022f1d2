"""Phoneme error rate by a small recogniser, `hama`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave
from audiotok_jax.evaluate.metrics.text import error_rate

PIECE_SECONDS = 30  # its time and memory grow with the square of the length


def phoneme_errors(original: Original, decoded: Wave) -> Values:
    """Phonemes that are heard otherwise in the decoded wave than in the original, in %.

    The recogniser has no part in common with the one for words.  It knows English; in another
    language it hears English sounds, in the original as in the decoded wave, so that codecs still
    compare with each other in one language, but not one language with another.  `per_phonemes` is
    how many are heard in the original; None where that is none.
    """
    theirs = original.reading("phonemes", _read)
    assert theirs is not None
    return {"per": error_rate(theirs, _read(decoded)), "per_phonemes": len(theirs)}


def _read(wave: Wave) -> list[str]:
    if not wave.any():
        return []
    pieces = np.array_split(wave, -(-len(wave) // (PIECE_SECONDS * RATE)))
    return [sound for piece in pieces for sound in _model()(piece, RATE).phonemes]


@cache
def _model() -> Any:
    from hama import ASRModel

    return ASRModel()
