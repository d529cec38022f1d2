"""Audio files in a folder or listed in a table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from audiotok_jax.data import tables
from audiotok_jax.data.recordings import Entry, File, Recording
from audiotok_jax.files import search
from audiotok_jax.formats import AUDIO_READ


def inside(path: str, place: str) -> str:
    """The name of a file inside its source: without a leading "./" or `place/`."""
    parts = PurePosixPath(os.path.normpath(path)).parts
    return "/".join(parts[1:] if len(parts) > 1 and parts[0] == place else parts)


def corpus_of(name: str, place: str) -> str:
    """The direct subfolder of `place` that contains a file, or `place` itself."""
    first, *more = name.split("/")
    return first if more else place


def in_folder(folder: Path) -> Iterator[Entry]:
    """The files that `files.search` finds below a folder, whose direct subfolders are the corpora.

    Raises:
        ValueError: there are no such files.
        OSError: the folder cannot be read.
    """
    place = folder.resolve().name
    found = [path for path in search(folder, AUDIO_READ) if not path.is_dir()]
    if not found:
        suffixes = " ".join(AUDIO_READ)
        raise ValueError(f"{folder}: no file in this folder ends in {suffixes}")
    for path in found:
        name = path.relative_to(folder).as_posix()
        yield Entry(Recording(File(str(path))), name, corpus_of(name, place))


def in_table(table: Path) -> Iterator[Entry]:
    """The files and parts of files in a table; errors as of `tables.read`."""
    for path, corpus, columns, span in tables.read(table):
        recording = Recording(File(str(table.parent / path)), span)
        yield Entry(recording, span.name(inside(path, tables.stem(table))), corpus, columns)
