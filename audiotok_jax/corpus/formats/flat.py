"""Flat: the tokens of all clips one after the other, to be mapped into memory, and an index.

NAME.bin holds uint16, little-endian, and nothing else; NAME.index.parquet has a row for each clip:
id, path, the columns of the input (all text), sample_rate (int32), num_samples (int64), offset and
num_tokens (int64), which count tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow
import pyarrow.parquet

from audiotok_jax.corpus.entry import Entry
from audiotok_jax.corpus.formats.layout import Layout


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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        if kind is None:
            places = ("offset", "num_tokens")
            schema = self._layout.schema([pyarrow.field(name, pyarrow.int64()) for name in places])
            table = pyarrow.Table.from_pylist(self._rows, schema)
            pyarrow.parquet.write_table(table, self._index, compression="zstd")

    def add(self, entry: Entry) -> None:
        """Appends a clip; OSError if the disk does not take it."""
        count = len(entry.tokens)
        self._file.write(entry.tokens.astype("<u2").tobytes())
        self._rows.append(self._layout.row(entry) | {"offset": self._offset, "num_tokens": count})
        self._offset += count
