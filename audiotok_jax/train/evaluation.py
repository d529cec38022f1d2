"""Evaluation during a run: clips through the codec, measured as by `audiotok evaluate`.

Of its metrics some take long and are left out: DNSMOS, word errors, F0 and the similarity of
speakers; so is ESTOI, to which its library adds noise, and what is not installed.
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
from audiotok_jax.data import audio_files
from audiotok_jax.evaluate import clips, metrics
from audiotok_jax.evaluate.align import align
from audiotok_jax.evaluate.codecs.interface import at_rate
from audiotok_jax.evaluate.metrics import RATE, Original
from audiotok_jax.picture import FLOOR_DB, spectrogram
from audiotok_jax.tokenizer import AudioTokenizer

logger = logging.getLogger(__name__)

METRICS = ("pesq_wb", "stoi", "mel_distance", "lsd", "si_sdr", "level_difference")
MAX_SECONDS = 15.0
"""Of a clip; what follows is left out."""
SAMPLES = 3
"""Clips that can be listened to."""

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
        means: of the metrics over the clips; None where there is no finite one.
        score: minus the mean mel distance: the larger, the better.
        samples: of the clips of this process.
    """

    means: dict[str, float | None]
    score: float
    samples: list[Sample]


class Evaluation:
    """Some clips, decoded and ready; the processes share them."""

    def __init__(self, data: str, count: int, codec: CodecConfig):
        """Reads the clips of this process.

        Args:
            data: a folder or a table.
            count: of clips, spread evenly over it; fewer if there are fewer.
            codec: of the parameters to evaluate.

        Raises:
            ValueError: no audio can be read, or a clip turns out bad.
            OSError: `data` or a file is not there.
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
        self._originals = [Original(_read(clip.path)) for clip in self._clips]
        self._metrics, _ = metrics.available(METRICS)

    def run(self, params: Params) -> Evaluated:
        """Takes the clips through the codec; all processes must call this.

        Args:
            params: NumPy arrays, the same in all processes.

        Returns:
            The same means and score in all processes.
        """
        tokenizer = AudioTokenizer(params, self._codec, model_id="in training")
        waves = [original.wave for original in self._originals]
        decoded = tokenizer.decode_batch(tokenizer.encode_batch(waves, RATE))
        table = np.full((self._count, len(self._metrics)), np.nan, np.float32)
        samples = []
        pairs = zip(self._own, self._clips, self._originals, decoded, strict=True)
        for row, clip, original, wave in pairs:
            # A model that is not yet trained may not even give numbers: that is silence.
            wave = np.nan_to_num(wave, posinf=0.0, neginf=0.0)
            wave = at_rate(wave, self._codec.sample_rate, RATE)
            wave = align(original.wave, wave, RATE).decoded
            values = metrics.measure(original, wave, self._metrics)
            found = [values[metric.name] for metric in self._metrics]
            table[row] = [np.nan if value is None else value for value in found]
            samples.append(Sample(f"{clip.set}/{clip.name}", original.wave, wave))
        # (processes, clips, metrics): each has its own rows.
        gathered = multihost_utils.process_allgather(table)
        rows = np.arange(self._count)
        means = _means(gathered[rows % jax.process_count(), rows])
        named = {metric.name: mean for metric, mean in zip(self._metrics, means, strict=True)}
        score = named["mel_distance"]
        assert score is not None  # it is defined for any two waves
        return Evaluated(named, -score, _spread(samples, SAMPLES))


def spectrograms(sample: Sample) -> NDArray[np.uint8]:
    """A picture (height, width, 3): the original above, the decoded wave below, on one scale."""
    above, below = spectrogram(sample.original, RATE), spectrogram(sample.decoded, RATE)
    levels = np.concatenate([above[::-1], below[::-1]]) - above.max()
    group = -(-levels.shape[1] // MAX_COLUMNS)
    levels = np.pad(levels, ((0, 0), (0, -levels.shape[1] % group)), mode="edge")
    levels = levels.reshape(len(levels), -1, group).mean(axis=2)
    return matplotlib.colormaps["magma"](1 - levels / FLOOR_DB, bytes=True)[..., :3]


def _spread(items: Sequence[_T], count: int) -> list[_T]:
    """Up to `count` of them, evenly from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(count, len(items)))
    return [items[round(place)] for place in places]


def _read(path: str) -> NDArray[np.int16]:
    try:
        return audio_files.read(path, RATE, 0, round(MAX_SECONDS * RATE))
    except AudioError as error:
        raise ValueError(f"evaluation: {error}") from None


def _means(table: NDArray[np.float32]) -> list[float | None]:
    """Of each column, over what is finite."""
    columns = [column[np.isfinite(column)] for column in table.astype(np.float64).T]
    return [float(column.mean()) if len(column) else None for column in columns]
