"""ArrayRecord: a record for each clip, one per group, for random access.

A record is the length of a JSON text (u32, little-endian), the text, which has id, path and columns
in UTF-8, and the bytes of an `.atok` file.
"""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter
from numpy.typing import NDArray

from audiotok_jax import tokenfile
from audiotok_jax.corpus.formats.layout import Entry, Layout, token_file

LENGTH = struct.Struct("<I")
"""Length of the JSON, at the start of a record."""


class Writer:
    """Writes one shard; see `formats.Writer`."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        [path] = files
        self._layout = layout
        # Tokens are almost random, so compression does not help.
        self._file = ArrayRecordWriter(str(path), "group_size:1,uncompressed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with _errors():
            self._file.close()

    def add(self, entry: Entry) -> None:
        """Appends a clip; OSError if it cannot be written."""
        known = {"id": entry.id, "path": entry.path, "columns": entry.columns}
        text = json.dumps(known, sort_keys=True, ensure_ascii=False).encode()
        tokens = tokenfile.dumps(token_file(entry, self._layout.about), self._layout.coder)
        with _errors():
            self._file.write(LENGTH.pack(len(text)) + text + tokens)


@contextmanager
def _errors() -> Iterator[None]:
    """Turns errors of ArrayRecord, all of type RuntimeError, into OSError."""
    try:
        yield
    except RuntimeError as error:
        raise OSError(str(error)) from None


class Reader:
    """Reads one shard; see `formats.Reader`."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        [path] = files
        self._layout = layout
        # Records are read one by one, so a read-ahead buffer would only take memory.
        self._file = ArrayRecordReader(str(path), options="readahead_buffer_size:0")

    def __len__(self) -> int:
        return self._file.num_records()

    def ids(self) -> list[str]:
        """Ids of all clips."""
        return [self._parse(number)[0]["id"] for number in range(len(self))]

    @functools.cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Numbers of tokens of all clips, (clips,)."""
        files = (self._parse(number)[1] for number in range(len(self)))
        return np.array([tokenfile.num_tokens(file) for file in files], np.int64)

    def read(self, number: int) -> Entry:
        """A clip, from 0; ValueError if it is damaged."""
        known, data = self._parse(number)
        found = tokenfile.loads(data, self._layout.find)
        row = {**known["columns"], "id": known["id"], "path": known["path"]}
        row |= {"sample_rate": found.sample_rate, "num_samples": found.num_samples}
        return self._layout.entry(row, found.tokens)

    def _parse(self, number: int) -> tuple[dict[str, Any], bytes]:
        """JSON and token file of a record."""
        [data] = self._file.read([number])
        [length] = LENGTH.unpack_from(data)
        end = LENGTH.size + length
        return json.loads(data[LENGTH.size : end]), data[end:]
