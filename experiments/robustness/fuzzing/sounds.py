"""Speech-like sounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def speech(samples: int, seed: int = 0, rate: int = 16000) -> NDArray[np.float32]:
    """A gliding harmonic sound in noise that comes and goes: float32 (samples,) within -1..1."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / rate
    pitch = rng.uniform(90, 250) * 2 ** (0.5 * np.sin(2 * np.pi * rng.uniform(0.5, 5) * t))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.cos(k * phase) / k for k in range(1, 12))
    wave = 0.1 * (voice + rng.normal(0, 0.1, samples))
    return wave.clip(-1, 1).astype(np.float32)
