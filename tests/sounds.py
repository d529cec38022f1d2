"""Sounds that tests are made with."""

import numpy as np


def make_speech(samples: int, seed: int = 0, rate: int = 16000) -> np.ndarray:
    """A gliding harmonic sound in noise that comes and goes: float32 (samples,) within -1..1."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / rate
    vibrato, swell, hiss = rng.uniform(0.5, 5, 3)
    pitch = rng.uniform(90, 250) * 2 ** (0.5 * np.sin(2 * np.pi * vibrato * t))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.cos(k * phase) / k for k in range(1, 12))
    loud = np.maximum(0, np.sin(2 * np.pi * swell * t)) ** 2
    noise = rng.normal(size=samples) * (0.02 + 0.3 * np.maximum(0, np.sin(2 * np.pi * hiss * t)))
    return (0.1 * (voice * loud + noise)).clip(-1, 1).astype(np.float32)
