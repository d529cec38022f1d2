"""One list of clips from folders, tables, tars, rows and TFDS datasets."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.data import audio_files
from audiotok_jax.data.clips import Clip, Skipped, Source
from audiotok_jax.data.locations import entries
from audiotok_jax.data.recordings import Entry, Recording
from audiotok_jax.formats import DATASET

PIECE_SECONDS = 30.0
"""A longer file counts as several clips of equal length, so that no read takes much memory."""


class Clips(Sequence[Clip]):
    """The clips of all sources, sorted by corpus, then by source, then by name.

    The same audio gives the same clips, in the same order and with the same samples, whether it is
    in a folder, a tar or a dataset, or is listed in a table; only rows are named differently.

    Attributes:
        sample_rate: of what `read` gives, in Hz.
        skipped: audio whose header shows that it cannot be used.
    """

    def __init__(self, sources: Sequence[Source], sample_rate: int):
        """Numbers the clips of `sources`, which read at `sample_rate` Hz."""
        self.sample_rate = sample_rate
        self._sources = list(sources)
        self.skipped = [one for source in self._sources for one in source.skipped]
        pieces = [
            (piece, (place, number, piece.start - clip.start))
            for place, source in enumerate(self._sources)
            for number, clip in enumerate(source.clips)
            for piece in _pieces(clip, sample_rate)
        ]
        pieces.sort(key=lambda pair: pair[0].corpus)
        self._clips = [piece for piece, _ in pieces]
        self._places = [place for _, place in pieces]  # source, number in it, start in that

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, number: Any) -> Any:
        return self._clips[number]

    def read(self, number: int) -> NDArray[np.int16]:
        """All samples of a clip, int16 (samples,).

        Raises:
            AudioError: the audio is bad.
            OSError: it cannot be read.
        """
        place, within, start = self._places[number]
        clip = self._clips[number]
        wave = self._sources[place].read(within, start, start + clip.num_samples)
        if not len(wave):
            raise audio.AudioError(f"{clip.path}: shorter than its header says")
        return wave

    @property
    def seconds(self) -> float:
        """Length of all clips together."""
        return sum(clip.seconds for clip in self._clips)

    @property
    def fingerprint(self) -> str:
        """A hash of the names and lengths of the clips, 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for clip in self._clips:
            row = (clip.corpus, clip.name, clip.start, clip.num_samples)
            digest.update(repr(row).encode())
        return digest.hexdigest()[:16]


class Listing:
    """Recordings of any kind, sorted by name; a `Source`.

    Attributes:
        recordings: one for each of `clips`.
    """

    def __init__(self, entries: Iterable[Entry | Skipped], sample_rate: int):
        """Reads the headers of possible clips, to be read at `sample_rate` Hz."""
        self._sample_rate = sample_rate
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(self._measured, entries))
        self.skipped = [one for one in found if isinstance(one, Skipped)]
        pairs = [one for one in found if not isinstance(one, Skipped)]
        pairs.sort(key=lambda pair: pair[0].name)
        self.clips = [clip for clip, _ in pairs]
        self.recordings = [recording for _, recording in pairs]

    def read(self, number: int, start: int, stop: int) -> NDArray[np.int16]:
        """See `Source`."""
        return self.recordings[number].read(self._sample_rate, start, stop)

    def _measured(self, entry: Entry | Skipped) -> tuple[Clip, Recording] | Skipped:
        if isinstance(entry, Skipped):
            return entry
        recording, name, corpus, columns = entry
        try:
            length = recording.measure()
            audio_files.check_length(length)
        except (audio.AudioError, OSError) as error:
            return Skipped.because(recording.place.path, error)._replace(path=recording.path)
        samples, rate = length.at(self._sample_rate), length.sample_rate
        seconds = samples / self._sample_rate
        clip = Clip(recording.path, name, corpus, samples, seconds, rate, columns=columns)
        return clip, recording


def open_clips(locations: Sequence[str], sample_rate: int) -> Clips:
    """Finds the clips in all locations, and their lengths.

    Args:
        locations: each one of
            - a folder, see `folders.in_folder`; or a table or manifest of files, see `tables.read`.
              A table beside the folder `DIR` with its name, such as `DIR.tsv`, describes it;
            - a tar, a folder of tars or a pattern of their names: see `tars.members`;
            - a Parquet or Arrow file with audio in its rows, a folder of such files or a pattern of
              their names: see `cells.rows`;
            - `tfds:NAME[/CONFIG][:SPLIT]`: see `Dataset`.
        sample_rate: to read at, in Hz.

    Raises:
        ValueError: a location holds no audio that can be read, or a table or dataset is bad.
        OSError: a location does not exist.
    """
    sources = [_open(location, sample_rate) for location in locations]
    for location, source in zip(locations, sources, strict=True):
        if not source.clips:
            message = f"{location}: no readable audio there"
            if source.skipped:
                path, reason = source.skipped[0]
                message += f"; {len(source.skipped)} left out, the first one {path}: {reason}"
            raise ValueError(message)
    return Clips(sources, sample_rate)


def listing(location: str, sample_rate: int) -> Listing:
    """The whole recordings in a location of `open_clips`, which must not be a dataset.

    Raises:
        ValueError: there are none, or a table or dataset is bad.
        OSError: the location does not exist.
    """
    return Listing(entries(location), sample_rate)


def _open(location: str, sample_rate: int) -> Source:
    if location.startswith(DATASET):
        from audiotok_jax.data.datasets import Dataset  # imports TFDS, which takes half a second

        return Dataset(location, sample_rate)
    return listing(location, sample_rate)


def _pieces(clip: Clip, sample_rate: int) -> Iterator[Clip]:
    count = max(1, math.ceil(clip.seconds / PIECE_SECONDS))
    edges = [number * clip.num_samples // count for number in range(count + 1)]
    for start, stop in itertools.pairwise(edges):
        samples = stop - start
        yield clip._replace(
            start=clip.start + start, num_samples=samples, seconds=samples / sample_rate
        )
