"""Audio in the rows of Parquet and Arrow files in the format of Hugging Face `datasets`.

The column `audio` holds bytes of audio files, or structures with `bytes` and, where those are
missing, `path`. Nothing here needs `datasets`.
"""

from __future__ import annotations

import functools
import io
import itertools
import os
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow
import pyarrow.parquet

from audiotok_jax import audio
from audiotok_jax.data import patterns, tables
from audiotok_jax.data.folders import corpus_of
from audiotok_jax.data.recordings import Entry, File, Recording, unpacked
from audiotok_jax.files import find, irregular
from audiotok_jax.formats import CELLS

AUDIO = "audio"
"""The column."""

_ROWS, _BATCHES = 64, 4
"""Rows per batch, and batches that are kept, as threads may not read in order."""


class Cell(NamedTuple):
    """The audio of a row, counted from 0; a `Place`."""

    container: str
    offset: int
    size: int = -1

    @property
    def path(self) -> str:
        """Path of the file, followed by the number of the row."""
        return f"{self.container}/{self.offset:06}"

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """See `Place`."""
        try:
            value = _column(self.container)[self.offset].as_py()
        except (pyarrow.ArrowException, LookupError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # or it is Arrow's
                raise
            raise audio.AudioError(f"{self.path}: damaged: {error}") from None
        value = value if isinstance(value, dict) else {"bytes": value}
        if value.get("bytes") is not None:
            yield io.BytesIO(value["bytes"])
        elif value.get("path") is not None:
            with File(os.path.join(os.path.dirname(self.container), value["path"])).open() as file:
                yield file
        else:
            raise audio.AudioError(f"{self.path}: has no audio")

    def local(self) -> AbstractContextManager[str]:
        """See `Place`."""
        return unpacked(self)


def holds_audio(path: Path) -> bool:
    """Whether a Parquet file has the column; False for a damaged one, and for a pipe."""
    try:
        return not irregular(path) and _has_audio(pyarrow.parquet.read_schema(path))
    except (pyarrow.ArrowException, OSError):
        return False


def rows(location: str) -> Iterator[Entry]:
    """The rows of some files in their order.

    Args:
        location: a file, a folder of them, or a pattern; see `patterns`. A row is named after its
            file and its number from 0, such as `train-00000-of-00002/000017`; its corpus is that of
            its column `corpus`, or else the direct subfolder that its file is in, or the stem of
            the location.

    Raises:
        ValueError: a file has no audio, or cannot be read.
        OSError: it does not exist.
    """
    in_folder = os.path.isdir(location)
    root = location if in_folder else os.path.dirname(patterns.fixed(location))
    for path in map(str, find([location], CELLS)) if in_folder else patterns.expanded(location):
        if os.path.basename(path).startswith("cache-"):  # what `datasets` computed of the others
            continue
        name, suffix = os.path.splitext(os.path.relpath(path, root or "."))
        corpus = corpus_of(name, patterns.stem(location, suffix).name)
        with tables.naming(path):
            if kind := irregular(path):
                raise ValueError(f"is {kind}, not a file")
            for number, (place, fields) in enumerate(_metadata(path)):
                columns = tables.texts(place, fields)
                own = columns.pop("corpus", corpus)
                recording = Recording(Cell(path, number))
                yield Entry(recording, f"{name}/{number:06}", own, columns)


def _metadata(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and fields of each row, without the audio."""
    if path.endswith(".arrow"):
        table = _mapped(path)
        batches = table.select(_names(table.schema)).to_batches()
        yield from tables.numbered(batches, table.num_rows)
        return
    with pyarrow.parquet.ParquetFile(path) as file:
        batches = file.iter_batches(columns=_names(file.schema_arrow))
        yield from tables.numbered(batches, file.metadata.num_rows)


def _names(schema: pyarrow.Schema) -> list[str]:
    if not _has_audio(schema):
        names = ", ".join(map(repr, schema.names))[:200]
        raise ValueError(f"there is no column {AUDIO!r} with bytes of audio files, only {names}")
    return [field.name for field in schema if tables.is_metadata(field)]


def _has_audio(schema: pyarrow.Schema) -> bool:
    if schema.names.count(AUDIO) != 1:
        return False
    kind = schema.field(AUDIO).type
    if pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    return tables.is_bytes(kind)


def _mapped(path: str) -> pyarrow.Table:
    """A file of the stream format of Arrow, mapped into memory."""
    return pyarrow.ipc.open_stream(pyarrow.memory_map(path)).read_all()


@functools.lru_cache(2)  # for each process; rows of one file follow each other
def _column(path: str) -> Any:
    """The audio of a file by the number of the row."""
    return _mapped(path)[AUDIO] if path.endswith(".arrow") else _Column(path)


class _Column:
    """The audio of a Parquet file; a row is read with those before it in its row group."""

    def __init__(self, path: str):
        self._file = pyarrow.parquet.ParquetFile(path, memory_map=True)
        about = self._file.metadata
        sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
        self._ends = list(itertools.accumulate(sizes))
        self._next = self._end = 0  # the row that is read next, and the end of its group
        self._batches: Iterator[Any] = iter(())
        self._held: deque[tuple[int, Any]] = deque(maxlen=_BATCHES)
        self._lock = threading.Lock()

    def __getitem__(self, number: int) -> Any:
        with self._lock:
            while True:
                for first, cells in self._held:
                    if first <= number < first + len(cells):
                        return cells[number - first]
                if not self._next <= number < self._end:
                    self._seek(bisect_right(self._ends, number))
                batch = next(self._batches, None)
                if batch is None:
                    raise IndexError(f"there is no row {number}")
                self._held.append((self._next, batch.column(0)))
                self._next += batch.num_rows

    def _seek(self, group: int) -> None:
        """Goes to the first row of a group."""
        if group == len(self._ends):
            raise IndexError(f"there are {self._ends[-1] if self._ends else 0} rows")
        self._next, self._end = self._ends[group - 1] if group else 0, self._ends[group]
        self._batches = self._file.iter_batches(_ROWS, row_groups=[group], columns=[AUDIO])
