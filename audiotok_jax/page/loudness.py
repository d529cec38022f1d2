"""How loud sounds are (ITU-R BS.1770-4), and gains that make them equally loud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyloudnorm
from numpy.typing import NDArray


class Level(NamedTuple):
    """Of one sound.

    Attributes:
        lufs: its integrated loudness; None where there is none: of silence, and of less than the
            0.4 s that it is measured in.
        peak: of its samples, in dB of full scale.
    """

    lufs: float | None
    peak: float


def level(wave: NDArray[np.float32], rate: int) -> Level:
    """Measures a wave, float32 (S,), of `rate` Hz, S >= 1."""
    meter = pyloudnorm.Meter(rate)
    long_enough = len(wave) >= meter.block_size * rate
    lufs = float(meter.integrated_loudness(wave)) if long_enough else -np.inf
    peak = 20 * np.log10(max(float(np.abs(wave).max()), 1e-9))
    return Level(lufs if np.isfinite(lufs) else None, float(peak))


def gains(levels: Sequence[Level]) -> list[float]:
    """Gains in dB that make all sounds as loud as the first one, or less where one would clip.

    What has no loudness is left as it is, and so is everything where the first one has none.
    """
    wanted = levels[0].lufs
    raw = [0.0 if wanted is None or it.lufs is None else wanted - it.lufs for it in levels]
    loudest = max(gain + it.peak for gain, it in zip(raw, levels, strict=True))
    return [round(gain - max(loudest, 0.0), 2) for gain in raw]
