"""Locks of the shards of a corpus, each on one byte of a lock file.

POSIX record locks also work on network file systems, and end with the process that holds them. The
file stays and is empty.
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
    """The open lock file of a corpus; a context manager.

    A process must have only one: closing any descriptor of the file releases all its locks.
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
        """Holds the lock of plan and reports, after waiting for it."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, 0)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, 0)

    @contextmanager
    def making(self, shards: Sequence[Shard], advice: str = "") -> Iterator[None]:
        """Holds the locks of consecutive shards, at least one.

        Raises:
            BlockingIOError: another process holds one of them; `advice` ends the message.
        """
        place = (len(shards), shards[0].number + 1)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, *place)
        except (BlockingIOError, PermissionError):
            raise BlockingIOError(
                f"{self._out}: another process makes this corpus; wait for its end{advice}"
            ) from None
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, *place)
