"""The low anchor of MUSHRA: the original, low-pass filtered at 3.5 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

PASS, STOP = 3500.0, 4000.0  # Hz
_TAPS, _BETA = 4.0, 5.65  # taps over the relative transition width; 60 dB by `signal.kaiserord`


def anchor(wave: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Filters speech as specified in ITU-R BS.1534-3, 5.1: flat to 3.5 kHz, little above 4 kHz.

    Args:
        wave: float32 (S,), S >= 1.
        rate: in Hz; below 8000 there is nothing to remove.

    Returns:
        float32 (S,), not delayed.
    """
    if rate < 2 * STOP:
        return wave
    taps = round(_TAPS * rate / (STOP - PASS)) | 1
    kernel = signal.firwin(taps, (PASS + STOP) / 2, window=("kaiser", _BETA), fs=rate)
    return signal.oaconvolve(wave, kernel, mode="same").astype(np.float32)
