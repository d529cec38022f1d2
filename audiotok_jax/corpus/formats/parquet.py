"""Parquet: a row for each clip, its tokens a list of uint16.

Columns: id, path, those of the input (all text), sample_rate (int32), num_samples (int64), and
tokens (list<uint16>), or coded (binary) where they are compact. Metadata of the schema, `audiotok`:
JSON of what made the tokens.
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

GROUP_TOKENS = 1 << 20
"""A row group ends when it has so many tokens, so that reading one takes little memory."""


class Writer:
    """Writes one shard; see `formats.Writer`."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        """Opens the file."""
        [path] = files
        self._layout = layout
        if layout.pack is None:
            payload = pyarrow.field("tokens", pyarrow.list_(pyarrow.uint16()))
            # Parquet has no integers below 32 bits: split into bytes, the zeros cost nothing.
            encoding = {"tokens.list.element": "BYTE_STREAM_SPLIT"}
        else:
            payload = pyarrow.field("coded", pyarrow.binary())
            encoding = None
        self._schema = layout.schema([payload])
        self._file = pyarrow.parquet.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            use_dictionary=list(layout.columns),
            column_encoding=encoding,
            write_statistics=False,
        )
        self._rows: list[dict[str, Any]] = []
        self._tokens = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._file.close()

    def add(self, entry: Entry) -> None:
        """Appends a clip; OSError if the disk does not take it."""
        pack = self._layout.pack
        payload = {"tokens": entry.tokens} if pack is None else {"coded": pack(entry.tokens)}
        self._rows.append(self._layout.row(entry) | payload)
        self._tokens += len(entry.tokens)
        if self._tokens >= GROUP_TOKENS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(pyarrow.Table.from_pylist(self._rows, self._schema))
        self._rows, self._tokens = [], 0
