"""Whether a machine still understands the words."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from audiotok_jax.evaluate.metrics.original import Original, Values, Wave


def word_error_rate(original: Original, decoded: Wave) -> Values:
    """Words that differ in what `pocketsphinx` recognises, in % of those in the original.

    Against the recognition of the original and not a transcript, so 0 means that the decoded wave
    is understood as the original is; insertions can bring it above 100. Edit distance by `jiwer`.
    None where no word is recognised in the original.
    """
    import jiwer

    words = original.feature(_recognise)
    if not words:
        return {"wer": None}
    return {"wer": 100 * float(jiwer.wer(words, _recognise(decoded)))}


def _recognise(wave: Wave) -> str:
    if not wave.any():  # it would hear a word in it
        return ""
    decoder = _decoder()
    decoder.reinit_feat()  # or the noise estimate of the clip before would be used
    decoder.start_utt()
    pcm = np.rint(wave.clip(-1, 1) * 32767).astype(np.int16)
    decoder.process_raw(pcm.tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found else ""


@cache
def _decoder() -> Any:
    """The recogniser with the English model that comes with it."""
    from pocketsphinx import Decoder

    # With `compallsen` the words depend on their clip alone, and not on those before it. The others
    # are the library's own means to save time, half of it for speech that is hard to follow: fewer
    # hypotheses, every second frame, no second pass. The order of codecs stays.
    return Decoder(loglevel="FATAL", compallsen=True, maxhmmpf=3000, ds=2, fwdflat=False)
