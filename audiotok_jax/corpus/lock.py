"""Locks of the shards of a corpus: on the bytes of one file, one byte per shard.

They are POSIX record locks, which hold on network file systems, too, and which end with the process
that has them, however it ends. The file stays; it is empty.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from audiotok_jax.corpus.plan import Shard

LOCK = ".lock"


class Lock:
    """The lock file of a corpus, open; a context manager.

    A process must have one alone: all its locks end when any descriptor of the file is closed.
    """

    def __init__(self, out: Path) -> None:
        """Opens the file in the folder `out`; OSError if it cannot be written."""
        self._out = out
        self._file = os.open(out / LOCK, os.O_RDWR | os.O_CREAT, 0o666)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    @contextmanager
    def planning(self) -> Iterator[None]:
        """Waits until nobody else writes the plan or the reports, and holds others off these."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, 0)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, 0)

    @contextmanager
    def making(self, shards: Sequence[Shard]) -> Iterator[None]:
        """Holds others off shards, at least one, that follow one another in the plan.

        Raises:
            BlockingIOError: another process makes one of them.
        """
        place = (len(shards), shards[0].number + 1)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, *place)
        except (BlockingIOError, PermissionError):
            raise BlockingIOError(
                f"{self._out}: another process makes this corpus; wait for its end, or give each "
                "its part with --shard I/N, the same N to all"
            ) from None
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, *place)
