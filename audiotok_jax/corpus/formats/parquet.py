"""Parquet: one row per clip, its tokens a list of uint16.

Columns: id, path, those of the input (all text), sample_rate (int32), num_samples (int64), and
tokens (list<uint16>), or coded (binary) for compact tokens. The metadata `audiotok` of the schema
is JSON that describes the model.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from audiotok_jax.corpus.formats.layout import Entry, Layout

GROUP_TOKENS = 1 << 20
"""Tokens per row group, so that reading one takes little memory."""


class RowGroups:
    """Writes rows to a Parquet file, in groups of about `GROUP_TOKENS`; a context manager."""

    def __init__(self, path: Path, schema: pyarrow.Schema, **options: Any) -> None:
        """Opens the file, with further options of `ParquetWriter`."""
        self._schema = schema
        self._file = pyarrow.parquet.ParquetWriter(path, schema, compression="zstd", **options)
        self._rows: list[dict[str, Any]] = []
        self._tokens = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._file.close()

    def append(self, row: dict[str, Any], num_tokens: int) -> None:
        """Appends a row with this number of tokens."""
        self._rows.append(row)
        self._tokens += num_tokens
        if self._tokens >= GROUP_TOKENS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(pyarrow.Table.from_pylist(self._rows, self._schema))
        self._rows, self._tokens = [], 0


class Writer(RowGroups):
    """Writes one shard; see `formats.Writer`."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        [path] = files
        self._layout = layout
        if layout.coder is None:
            payload = pyarrow.field("tokens", pyarrow.list_(pyarrow.uint16()))
            # Parquet stores 32 bits per integer; in separate byte streams the zeros cost nothing.
            encoding = {"tokens.list.element": "BYTE_STREAM_SPLIT"}
        else:
            payload = pyarrow.field("coded", pyarrow.binary())
            encoding = None
        super().__init__(
            path,
            layout.schema([payload]),
            use_dictionary=list(layout.columns),
            column_encoding=encoding,
            write_statistics=False,
        )

    def add(self, entry: Entry) -> None:
        """Appends a clip; OSError if it cannot be written."""
        coder = self._layout.coder
        payload = (
            {"tokens": entry.tokens} if coder is None else {"coded": coder.encode(entry.tokens)}
        )
        self.append(self._layout.row(entry) | payload, len(entry.tokens))


class Reader:
    """Reads one shard, a row group at a time; see `formats.Reader`."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        [path] = files
        self._layout = layout
        self._hop = layout.about["hop_length"]
        self._file = pyarrow.parquet.ParquetFile(path)
        prior = json.loads(self._file.schema_arrow.metadata[b"audiotok"]).get("prior")
        self._coder = layout.find(prior) if prior else None
        groups = range(self._file.num_row_groups)
        sizes = [self._file.metadata.row_group(group).num_rows for group in groups]
        self._starts = np.cumsum([0, *sizes])
        self._held: tuple[int, pyarrow.Table] | None = None  # as clips are often read in order

    def __len__(self) -> int:
        return int(self._starts[-1])

    def ids(self) -> list[str]:
        """Ids of all clips."""
        return self._column("id").to_pylist()

    @functools.cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Numbers of tokens of all clips, (clips,)."""
        samples = self._column("num_samples").to_numpy()
        return -(-samples // self._hop)

    def read(self, number: int) -> Entry:
        """A clip, from 0; ValueError if it is damaged."""
        group = int(np.searchsorted(self._starts, number, "right")) - 1
        if self._held is None or self._held[0] != group:
            self._held = group, self._file.read_row_group(group)
        row = self._held[1].slice(number - self._starts[group], 1)
        if self._coder is None:
            tokens = row.column("tokens").combine_chunks().flatten().to_numpy()
            [known] = row.drop_columns("tokens").to_pylist()
        else:
            [known] = row.to_pylist()
            tokens = self._coder.decode(known["coded"], -(-known["num_samples"] // self._hop))
        return self._layout.entry(known, tokens)

    def _column(self, name: str) -> pyarrow.ChunkedArray:
        return self._file.read(columns=[name]).column(name)
