"""Evaluation during a run, with metrics of `audiotok evaluate`.

Slow metrics are left out (DNSMOS, word errors, F0, speaker similarity), as are ESTOI, whose library
adds noise, and metrics that are not installed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import jax
import matplotlib
import numpy as np
from jax.experimental import multihost_utils
from numpy.typing import NDArray

from audiotok_jax.audio import AudioError
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.data.recordings import Recording
from audiotok_jax.evaluate import clips, metrics
from audiotok_jax.evaluate.align import align
from audiotok_jax.evaluate.codecs.interface import at_rate
from audiotok_jax.evaluate.metrics import RATE, Original
from audiotok_jax.picture import FLOOR_DB, narrowed, spectrogram
from audiotok_jax.tokenizer import AudioTokenizer

logger = logging.getLogger(__name__)

METRICS = ("pesq_wb", "stoi", "mel_distance", "lsd", "si_sdr", "level_difference")
MAX_SECONDS = 15.0
"""Longest part of a clip that is used."""
SAMPLES = 3
"""Number of clips to listen to."""

MAX_COLUMNS = 400  # of a picture

_T = TypeVar("_T")


class Sample(NamedTuple):
    """A clip before and after the codec: float32 (S,) each, at `metrics.RATE` Hz."""

    name: str
    original: NDArray[np.float32]
    decoded: NDArray[np.float32]


class Evaluated(NamedTuple):
    """Results of an evaluation.

    Attributes:
        means: of the metrics over the clips; None if no value is finite.
        score: negative mean mel distance; larger is better.
        samples: of the clips of this process.
    """

    means: dict[str, float | None]
    score: float
    samples: list[Sample]


class Evaluation:
    """Clips for evaluation, distributed over the processes."""

    def __init__(self, data: str, count: int, codec: CodecConfig):
        """Reads the clips of this process.

        Args:
            data: a location of audio; see `sources.listing`.
            count: largest number of clips, spread evenly over `data`.

        Raises:
            ValueError: no audio can be read, or a clip is invalid.
            OSError: `data` or a file does not exist.
        """
        found, unreadable = clips.find([data])
        if unreadable and not found:
            raise ValueError(f"evaluation: {unreadable[0]}")
        for line in unreadable:
            logger.warning("evaluation: left out: %s", line)
        chosen = _spread(found, count)
        self._codec = codec
        self._count = len(chosen)
        self._own = range(jax.process_index(), self._count, jax.process_count())
        self._clips = [chosen[i] for i in self._own]
        self._originals = [Original(_read(clip.recording)) for clip in self._clips]
        self._metrics, _ = metrics.available(METRICS)

    def run(self, params: Params) -> Evaluated:
        """Encodes, decodes and measures the clips; all processes must call this.

        From the same parameters, NumPy arrays, all processes get the same means and score.
        """
        tokenizer = AudioTokenizer(params, self._codec, model_id="in training")
        waves = [original.wave for original in self._originals]
        decoded = tokenizer.decode_batch(tokenizer.encode_batch(waves, RATE))
        table = np.full((self._count, len(self._metrics)), np.nan, np.float32)
        samples = []
        pairs = zip(self._own, self._clips, self._originals, decoded, strict=True)
        for row, clip, original, wave in pairs:
            # An untrained model may output non-finite samples, which count as silence.
            wave = np.nan_to_num(wave, posinf=0.0, neginf=0.0)
            wave = at_rate(wave, self._codec.sample_rate, RATE)
            wave = align(original.wave, wave, RATE).decoded
            values = metrics.measure(original, wave, self._metrics)
            found = [values[metric.name] for metric in self._metrics]
            table[row] = [np.nan if value is None else value for value in found]
            samples.append(Sample(f"{clip.set}/{clip.name}", original.wave, wave))
        # (processes, clips, metrics), with the rows of each process.
        gathered = multihost_utils.process_allgather(table)
        rows = np.arange(self._count)
        means = _means(gathered[rows % jax.process_count(), rows])
        named = {metric.name: mean for metric, mean in zip(self._metrics, means, strict=True)}
        score = named["mel_distance"]
        assert score is not None  # defined for any two waves
        return Evaluated(named, -score, _spread(samples, SAMPLES))


def spectrograms(sample: Sample) -> NDArray[np.uint8]:
    """A picture (height, width, 3): original above, decoded wave below, on the same scale."""
    above, below = spectrogram(sample.original, RATE), spectrogram(sample.decoded, RATE)
    levels = narrowed(np.concatenate([above[::-1], below[::-1]]) - above.max(), MAX_COLUMNS)
    return matplotlib.colormaps["magma"](1 - levels / FLOOR_DB, bytes=True)[..., :3]


def _spread(items: Sequence[_T], count: int) -> list[_T]:
    """Up to `count` items, evenly spread from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(count, len(items)))
    return [items[round(place)] for place in places]


def _read(recording: Recording) -> NDArray[np.int16]:
    try:
        return recording.read(RATE, 0, round(MAX_SECONDS * RATE))
    except AudioError as error:
        raise ValueError(f"evaluation: {error}") from None


def _means(table: NDArray[np.float32]) -> list[float | None]:
    """Mean of the finite values of each column."""
    columns = [column[np.isfinite(column)] for column in table.astype(np.float64).T]
    return [float(column.mean()) if len(column) else None for column in columns]
