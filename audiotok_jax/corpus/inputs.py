"""Lists the clips that the inputs of a corpus name, readable or not."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from audiotok_jax.data import tables, text
from audiotok_jax.data.audio_files import WHOLE, Span
from audiotok_jax.data.cells import Cell
from audiotok_jax.data.clips import Skipped
from audiotok_jax.data.folders import corpus_of, inside
from audiotok_jax.data.locations import Kind, entries, locate
from audiotok_jax.data.tars import Member
from audiotok_jax.files import search
from audiotok_jax.formats import AUDIO_READ, DATASET, LIST

REMOTE = "://"
"""Distinguishes URLs from paths in lists and tables."""


class Original(NamedTuple):
    """Where the audio of a clip is stored.

    Attributes:
        id: unique within the corpus.
        path: of the file, a URL, or the path of its container followed by the name in that.
        columns: other metadata of the input, as text.
        container: the tar, the file of rows or the dataset; "" for a file.
        offset: of its bytes in the tar, or its number in the rows or the dataset.
        size: in bytes; -1 if unknown.
        fault: why it cannot be read, if that is already known.
        span: its part of the file.
    """

    id: str
    path: str
    columns: Mapping[str, str]
    container: str = ""
    offset: int = 0
    size: int = -1
    fault: str = ""
    span: Span = WHOLE


def find(locations: Sequence[str]) -> list[Original]:
    """Finds the clips of all inputs; no audio is opened, except in datasets.

    The id of a clip is the column `id` of a table, or else its path inside the input, prefixed with
    the name of the input if there are several. Parts of files and rows are numbered: see
    `Span.name` and `cells.rows`.

    Args:
        locations: each one of
            - a folder: all files below it with a suffix of audio, or those that a table beside it
              lists, such as `DIR.tsv` for `DIR`;
            - a table or manifest of paths or URLs: see `tables.read`;
            - a list of paths or URLs, .txt, one per line;
            - a tar, a folder of tars or a pattern of their names: see `tars.members`;
            - a Parquet or Arrow file with audio in its rows, a folder of such files or a pattern of
              their names: see `cells.rows`;
            - `tfds:NAME[/CONFIG][:SPLIT]`: see `datasets.Dataset`.

    Returns:
        In the order of the inputs, and sorted by id in each of them.

    Raises:
        ValueError: a location holds no clips or is bad, or two clips have the same id.
        OSError: a location does not exist.
    """
    found: dict[str, Original] = {}
    for location in locations:
        clips = sorted(_list(location), key=lambda clip: clip.id)
        if not clips:
            raise ValueError(f"{location}: no audio there")
        for clip in clips:
            if len(locations) > 1:
                clip = clip._replace(id=f"{_name(location)}/{clip.id}")
            if clip.id in found:
                raise ValueError(
                    f"{location}: {clip.path} and {found[clip.id].path} have the same id, "
                    f"{clip.id!r}; list the audio in a table with a column `id`"
                )
            found[clip.id] = clip
    return list(found.values())


def absolute(location: str) -> str:
    """The location as an absolute path, or the name of a dataset as it is."""
    return location if location.startswith(DATASET) else os.path.abspath(location)


def as_text(path: str) -> str:
    """A path as text; bytes that are not UTF-8 become escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _name(location: str) -> str:
    return Path(location.removeprefix(DATASET)).name.partition(".")[0]


def _list(location: str) -> Iterator[Original]:
    kind, path = locate(absolute(location), lists=True)
    if kind is Kind.DATASET:
        return _in_dataset(location)
    if kind in (Kind.TARS, Kind.ROWS):
        return _packed(str(path))
    return {Kind.FOLDER: _in_folder, Kind.TABLE: _in_table, Kind.LIST: _in_list}[kind](path)


def _in_folder(folder: Path) -> Iterator[Original]:
    """All that `search` finds; folders and dangling links become clips that cannot be read."""
    for path in search(folder, AUDIO_READ):
        inner = os.path.relpath(path, folder)
        columns = {"corpus": as_text(corpus_of(inner, folder.name))}
        yield Original(as_text(inner), str(path), columns, size=_size(str(path)))


def _in_table(table: Path) -> Iterator[Original]:
    for path, corpus, columns, span in tables.read(table):
        columns = {"corpus": corpus, **columns}
        name = columns.pop("id", None)
        yield _listed(path, table, columns, name, span)


def _in_list(path: Path) -> Iterator[Original]:
    for line in text.lines(path):
        if line.strip():
            yield _listed(line.strip(), path, {"corpus": path.stem})


def _listed(
    path: str, place: Path, columns: Mapping[str, str], name: str | None = None, span: Span = WHOLE
) -> Original:
    """A clip of the table or list `place`; paths are relative to its folder."""
    if REMOTE in path:
        # `simplecache::file://...` would open anything, and past what `decoding` checks.
        fault = "a URL within a URL" if "::" in path else ""
        name = name or span.name(path.partition(REMOTE)[2])
        return Original(name, path, columns, fault=fault, span=span)
    stem = place.stem if place.suffix == LIST else tables.stem(place)
    name = name or span.name(inside(path, stem).lstrip("/"))
    path = os.path.normpath(place.parent / path)
    return Original(name, path, columns, size=_size(path), span=span)


def _packed(location: str) -> Iterator[Original]:
    """The members of tars or the rows of files."""
    faults: Counter[str] = Counter()
    for one in entries(location):
        if isinstance(one, Skipped):
            # Beside the tar, so that it has the name of no member; a tar may have several.
            name = os.path.relpath(one.path, os.path.dirname(location))
            faults[name] += 1
            if faults[name] > 1:
                name = f"{name}#{faults[name]}"
            columns = {"corpus": Path(location).stem}
            yield Original(name, one.path, columns, location, fault=one.reason)
        else:
            place, span = one.recording
            assert isinstance(place, Member | Cell)
            columns = {"corpus": one.corpus, **one.columns}
            yield Original(
                one.name, place.path, columns, place.container, place.offset, place.size, span=span
            )


def _in_dataset(location: str) -> Iterator[Original]:
    from audiotok_jax.data import datasets  # imports TFDS, which takes half a second

    records = datasets.open_records(location)
    for number, record in enumerate(records):
        columns = datasets.texts(record)
        columns.setdefault("corpus", records.dataset_info.name)
        # A long file is in several records, which start at different samples.
        name = f"{columns.pop('path', '')}#{number}".lstrip("#")
        path = f"{location}/{name}"
        yield Original(name, path, columns, location, number, record["audio"].nbytes)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
