"""The formats that a shard of a corpus has on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

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


class Reader(Protocol):
    """Reads one shard, clip by clip."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        """Opens the files, one for each suffix of the format.

        Raises:
            OSError: the disk does not give them.
            ValueError: they are damaged.
        """

    def __len__(self) -> int:
        """Number of clips."""

    def ids(self) -> list[str]:
        """Those of all clips."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Numbers of tokens of all clips, (clips,)."""

    def read(self, number: int) -> Entry:
        """A clip, from 0; ValueError if it is damaged."""


class Format(NamedTuple):
    """A format: the suffixes of the files of a shard, what writes them and what reads them."""

    suffixes: tuple[str, ...]
    writer: type[Writer]
    reader: type[Reader]


FORMATS = {
    "parquet": Format((".parquet",), parquet.Writer, parquet.Reader),
    "array_record": Format((".array_record",), array_record.Writer, array_record.Reader),
    "flat": Format((".bin", ".index.parquet"), flat.Writer, flat.Reader),
}
