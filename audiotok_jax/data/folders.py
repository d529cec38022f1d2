"""Audio in files: a folder, or a table that lists them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.data import audio_files, tables
from audiotok_jax.data.clips import Clip, Skipped
from audiotok_jax.files import irregular, search
from audiotok_jax.formats import AUDIO_READ


class Entry(NamedTuple):
    """A file that may be a clip; see `Clip`."""

    path: str
    name: str
    corpus: str
    columns: Mapping[str, str] = {}


class Folder:
    """The files below a folder or in a table, sorted by name; a `Source`."""

    def __init__(self, location: Path, sample_rate: int):
        """Reads the headers of all files.

        Args:
            location: a table, or a folder, in which `files.search` finds the audio; the folders
                directly below it are the corpora.
            sample_rate: to read at, in Hz.

        Raises:
            ValueError: the table cannot be read, or the folder holds no audio file.
            OSError: there is no such place.
        """
        self._sample_rate = sample_rate
        entries = _in_table(location) if location.is_file() else _in_folder(location)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(self._measured, sorted(entries, key=lambda entry: entry.name)))
        self.clips = [one for one in found if isinstance(one, Clip)]
        self.skipped = [one for one in found if isinstance(one, Skipped)]

    def read(self, number: int, start: int, stop: int) -> NDArray[np.int16]:
        """See `Source`."""
        return audio_files.read(self.clips[number].path, self._sample_rate, start, stop)

    def _measured(self, entry: Entry) -> Clip | Skipped:
        path, name, corpus, columns = entry
        try:
            if kind := irregular(path):
                raise audio.AudioError(f"is {kind}, not an audio file")
            length = audio_files.measure(path)
            audio_files.check_length(length)
        except (audio.AudioError, OSError) as error:
            return Skipped.because(path, error)
        samples = length.at(self._sample_rate)
        seconds = samples / self._sample_rate
        return Clip(path, name, corpus, samples, seconds, length.sample_rate, columns=columns)


def inside(path: str, place: str) -> str:
    """The name of a file inside its source: without "./" or the folder `place/` in front."""
    parts = PurePosixPath(os.path.normpath(path)).parts
    return "/".join(parts[1:] if len(parts) > 1 and parts[0] == place else parts)


def corpus_of(name: str, place: str) -> str:
    """The folder directly below `place` that a file lies in, or `place` itself."""
    first, *more = name.split("/")
    return first if more else place


def _in_folder(folder: Path) -> Iterator[Entry]:
    place = folder.resolve().name
    found = [path for path in search(folder, AUDIO_READ) if not path.is_dir()]
    if not found:
        suffixes = " ".join(AUDIO_READ)
        raise ValueError(f"{folder}: no file in this folder ends in {suffixes}")
    for path in found:
        name = path.relative_to(folder).as_posix()
        yield Entry(str(path), name, corpus_of(name, place))


def _in_table(table: Path) -> Iterator[Entry]:
    for path, corpus, columns in tables.read(table):
        yield Entry(str(table.parent / path), inside(path, table.stem), corpus, columns)
