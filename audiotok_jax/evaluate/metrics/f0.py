"""F0 and voicing errors of decoded speech."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave


def errors(original: Original, decoded: Wave) -> Values:
    """Errors of the fundamental frequency and of voicing, tracked by `librosa.pyin` every 10 ms.

    `f0_error` is the root mean square of the difference in cents over the frames that are voiced
    in both, None where there is none; `voicing_error` the share in % of frames whose voicing
    differs (voicing decision error, Nakatani et al. 2008). pYIN is by Mauch and Dixon 2014.
    """
    theirs, ours = original.feature(_track), _track(decoded)
    voiced = ~np.isnan(theirs), ~np.isnan(ours)
    cents = 1200 * np.log2((ours / theirs)[voiced[0] & voiced[1]])
    return {
        "f0_error": float(np.sqrt(np.mean(cents**2))) if len(cents) else None,
        "voicing_error": 100 * float(np.mean(voiced[0] != voiced[1])),
    }


def _track(wave: Wave) -> NDArray[np.float64]:
    """Fundamental frequency of each frame in Hz, float64 (frames,); not a number if unvoiced."""
    import librosa

    # Half of this resolution (in semitones) makes the tracker four times as slow.
    found, _, _ = librosa.pyin(
        wave, fmin=62.5, fmax=500.0, sr=RATE, frame_length=1024, hop_length=160, resolution=0.2
    )
    return found
