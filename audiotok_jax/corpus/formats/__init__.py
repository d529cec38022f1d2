"""The formats of shards: for each of `formats.SHARDS` a module with a `Writer` and a `Reader`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.corpus.formats.layout import Entry, Layout


class Writer(Protocol):
    """Writes one shard; a context manager, whose files are complete if its block succeeds."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        """Opens the files, one for each suffix of the format, and truncates them."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, /, *_: object) -> None: ...

    def add(self, entry: Entry) -> None:
        """Appends a clip; OSError if it cannot be written."""


class Reader(Protocol):
    """Reads one shard, clip by clip."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        """Opens the files, one for each suffix of the format.

        Raises:
            OSError: they cannot be read.
            ValueError: they are damaged.
        """

    def __len__(self) -> int:
        """Number of clips."""

    def ids(self) -> list[str]:
        """Ids of all clips."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Numbers of tokens of all clips, (clips,)."""

    def read(self, number: int) -> Entry:
        """A clip, from 0; ValueError if it is damaged."""


def writer(name: str) -> type[Writer]:
    """The writer of a format of `formats.SHARDS`."""
    return import_module(f"{__name__}.{name}").Writer


def reader(name: str) -> type[Reader]:
    """The reader of a format of `formats.SHARDS`."""
    return import_module(f"{__name__}.{name}").Reader
