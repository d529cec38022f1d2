"""The formats that a shard of a corpus has on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from audiotok_jax.corpus.entry import Entry
from audiotok_jax.corpus.formats import array_record, flat, parquet
from audiotok_jax.corpus.formats.layout import Layout


class Writer(Protocol):
    """Writes one shard; a context manager, whose files are whole when its block ends well."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        """Opens the files, one for each suffix of the format, which replace what is there."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def add(self, entry: Entry) -> None:
        """Appends a clip; OSError if the disk does not take it."""


class Format(NamedTuple):
    """A format: the suffixes of the files of a shard, and what writes them."""

    suffixes: tuple[str, ...]
    writer: type[Writer]


FORMATS = {
    "parquet": Format((".parquet",), parquet.Writer),
    "array_record": Format((".array_record",), array_record.Writer),
    "flat": Format((".bin", ".index.parquet"), flat.Writer),
}
