"""Flat: the tokens of all clips concatenated, to be memory-mapped, and an index.

NAME.bin holds uint16, little-endian, and nothing else; NAME.index.parquet has a row for each clip:
id, path, the columns of the input (all text), sample_rate (int32), num_samples (int64), offset and
num_tokens (int64), which count tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow
import pyarrow.parquet

from audiotok_jax.corpus.formats.layout import Entry, Layout


class Writer:
    """Writes one shard; see `formats.Writer`."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        """Opens the file of tokens; the index is written at the end."""
        tokens, self._index = files
        self._layout = layout
        self._file = open(tokens, "wb")
        self._rows: list[dict[str, Any]] = []
        self._offset = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            places = ("offset", "num_tokens")
            schema = self._layout.schema([pyarrow.field(name, pyarrow.int64()) for name in places])
            table = pyarrow.Table.from_pylist(self._rows, schema)
            pyarrow.parquet.write_table(table, self._index, compression="zstd")

    def add(self, entry: Entry) -> None:
        """Appends a clip; OSError if it cannot be written."""
        count = len(entry.tokens)
        self._file.write(entry.tokens.astype("<u2").tobytes())
        self._rows.append(self._layout.row(entry) | {"offset": self._offset, "num_tokens": count})
        self._offset += count


class Reader:
    """Reads one shard, whose tokens are mapped into memory; see `formats.Reader`."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        tokens, index = files
        self._layout = layout
        self._index = pyarrow.parquet.read_table(index)
        self._offsets = self._index.column("offset").to_numpy()
        self.lengths = self._index.column("num_tokens").to_numpy()
        empty = not len(self.lengths)  # an empty file cannot be mapped
        self._tokens = np.zeros(0, "<u2") if empty else np.memmap(tokens, "<u2", "r")
        if len(self._tokens) != self.lengths.sum():
            raise ValueError(f"{tokens}: damaged: not as many tokens as its index says")

    def __len__(self) -> int:
        return len(self.lengths)

    def ids(self) -> list[str]:
        """Ids of all clips."""
        return self._index.column("id").to_pylist()

    def read(self, number: int) -> Entry:
        """A clip, from 0; its tokens are a view of the file."""
        [row] = self._index.slice(number, 1).to_pylist()
        start = self._offsets[number]
        return self._layout.entry(row, self._tokens[start : start + self.lengths[number]])
