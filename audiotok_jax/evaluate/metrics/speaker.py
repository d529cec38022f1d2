"""Speaker similarity by the embeddings of `resemblyzer`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.evaluate.metrics.original import Original, Values, Wave


def similarity(original: Original, decoded: Wave) -> Values:
    """Cosine of the speaker embeddings of both waves (Wan et al. 2018), in 0..1, by `resemblyzer`.

    With the preprocessing of that library: quiet waves are raised to -30 dBFS and long pauses
    removed. None if one of the two then holds no speech.
    """
    theirs, ours = original.feature(_embedding), _embedding(decoded)
    if theirs is None or ours is None:
        return {"speaker_similarity": None}
    return {"speaker_similarity": min(float(theirs @ ours), 1.0)}


def _embedding(wave: Wave) -> NDArray[np.float32] | None:
    """Float32 (256,) of unit length."""
    preprocess, embed = _library()
    speech = preprocess(wave.clip(-1, 1)) if wave.any() else wave[:0]
    return embed(speech) if len(speech) else None


@cache
def _library() -> tuple[Callable[[Wave], Wave], Callable[[Wave], NDArray[np.float32]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old libraries
        import resemblyzer
        import torch

    torch.set_num_threads(1)  # as other processes measure other clips
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    return resemblyzer.preprocess_wav, encoder.embed_utterance
