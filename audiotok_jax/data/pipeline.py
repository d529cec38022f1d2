"""Batches of random crops, drawn by Grain: the same seed and step give the same batch."""

from __future__ import annotations

from collections import defaultdict

import grain
import numpy as np

from audiotok_jax import audio
from audiotok_jax.data.sources import Clip

# A corpus is drawn in proportion to a power of its hours, so that small ones are heard too.
CORPUS_POWER = 0.7
# Gain of half of the crops, in dB; the others keep the level they were recorded at.
GAIN_DB = (-20.0, 6.0)


class _Crops(grain.transforms.RandomMap):
    """Clip to crop of fixed length: a random part, or all of it and zeros."""

    def __init__(self, samples: int, sample_rate: int):
        self._samples = samples
        self._sample_rate = sample_rate
        # Compressed audio is decoded once: 16 bits a sample are 115 MB an hour.
        self._decoded: dict[str, np.ndarray] = {}

    def random_map(self, element: Clip, rng: np.random.Generator) -> np.ndarray:
        wave = self._load(element.path)
        start = int(rng.integers(max(1, len(wave) - self._samples + 1)))
        crop = wave[start : start + self._samples].astype(np.float32) / 32768
        gain = 10 ** (rng.uniform(*GAIN_DB) / 20) if rng.random() < 0.5 else 1.0
        return np.pad(crop, (0, self._samples - len(crop))) * np.float32(gain)

    def _load(self, path: str) -> np.ndarray:
        if path not in self._decoded:
            wave, _ = audio.read(path, self._sample_rate)
            self._decoded[path] = np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)
        return self._decoded[path]


def batches(
    clips: list[Clip], samples: int, batch_size: int, sample_rate: int, seed: int
) -> grain.IterDataset:
    """Endless batches, float32 (batch_size, samples) in [-2, 2].

    Within a corpus every second of audio is as likely as every other: a clip stands in the list
    once per crop that fits into it. The iterator's `get_state` and `set_state` continue it
    exactly.

    Args:
        clips: at least one.
        samples: length of a crop at `sample_rate` Hz.
        seed: of order and crops.
    """
    by_corpus: dict[str, list[Clip]] = defaultdict(list)
    hours: dict[str, float] = defaultdict(float)
    for clip in clips:
        copies = max(1, round(clip.seconds * sample_rate / samples))
        by_corpus[clip.corpus] += [clip] * copies
        hours[clip.corpus] += clip.seconds / 3600
    crops = _Crops(samples, sample_rate)
    parts, weights = [], []
    for number, corpus in enumerate(sorted(by_corpus)):
        part = grain.MapDataset.source(by_corpus[corpus]).seed(seed + number)
        parts.append(part.shuffle().repeat().random_map(crops))
        weights.append(hours[corpus] ** CORPUS_POWER)
    mixed = grain.MapDataset.mix(parts, weights)
    options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=8)
    return mixed.batch(batch_size).to_iter_dataset(options)
