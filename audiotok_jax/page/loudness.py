"""Loudness of sounds (ITU-R BS.1770-4), and gains that equalise it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyloudnorm
from numpy.typing import NDArray


class Level(NamedTuple):
    """Level of one sound.

    Attributes:
        lufs: integrated loudness; None for silence and for less than the 0.4 s of a block.
        peak: of the samples, in dBFS.
    """

    lufs: float | None
    peak: float


def level(wave: NDArray[np.float32], rate: int) -> Level:
    """Measures a wave, float32 (S,), S >= 1, at `rate` Hz."""
    meter = pyloudnorm.Meter(rate)
    long_enough = len(wave) >= meter.block_size * rate
    lufs = float(meter.integrated_loudness(wave)) if long_enough else -np.inf
    peak = 20 * np.log10(max(float(np.abs(wave).max()), 1e-9))
    return Level(lufs if np.isfinite(lufs) else None, float(peak))


def gains(levels: Sequence[Level]) -> list[float]:
    """Gains in dB that make all sounds as loud as the first one, or all softer to avoid clipping.

    Sounds without a loudness are not changed; if the first one has none, no sound is changed.
    """
    wanted = levels[0].lufs
    raw = [0.0 if wanted is None or it.lufs is None else wanted - it.lufs for it in levels]
    loudest = max(gain + it.peak for gain, it in zip(raw, levels, strict=True))
    return [round(gain - max(loudest, 0.0), 2) for gain in raw]
