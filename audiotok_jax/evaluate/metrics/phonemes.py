"""Phoneme error rate by a small recogniser, `hama`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave
from audiotok_jax.evaluate.metrics.text import error_rate

PIECE_SECONDS = 30  # time and memory are quadratic in the length


def phoneme_errors(original: Original, decoded: Wave) -> Values:
    """Phoneme error rate of the decoded wave relative to the original, in %.

    Both phoneme sequences are recognised. The recogniser is unrelated to the one for words. It is
    trained on English; in other languages it outputs English phonemes, for the original as for the
    decoded wave, so that codecs can be compared within one language, but not across languages.
    `per_phonemes` is the number of phonemes in the original; `per` is None if it is 0.
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
