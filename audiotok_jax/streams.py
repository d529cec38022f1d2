"""Standard streams that also work when they are closed or fail."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

INPUT, OUTPUT = "standard input", "standard output"


class _Output(io.FileIO):
    """Standard output: errors name it, and nothing is written after the first error."""

    dropped = False

    def write(self, data: Any) -> int:
        """Writes like a file, or drops the data after an error."""
        if self.dropped:  # otherwise Python would report another error when it flushes at exit
            return len(data)
        try:
            return super().write(data)
        except OSError as error:
            self.dropped = True
            error.filename = OUTPUT
            raise


class _Messages(io.FileIO):
    """Standard error: its errors are ignored."""

    def write(self, data: Any) -> int:
        """Writes like a file, ignoring errors."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


class _NoInput(io.RawIOBase):
    """Standard input that is closed."""

    name = INPUT

    def readable(self) -> bool:
        """True, so that reading raises the error of `readinto`."""
        return True

    def readinto(self, _: Any) -> int:
        """Raises OSError."""
        raise OSError(errno.EBADF, "is closed", INPUT)


def prepare() -> None:
    """Reopens closed streams and makes any text printable; keeps streams that were replaced."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next file that is opened would get this number and the output of
            # libraries. Writing to standard output is made to fail, as results must not be lost.
            os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_WRONLY)
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_NoInput()))
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(_Output(1, "w", closefd=False), sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Messages(2, "w", closefd=False), sys.stderr)


def drop() -> None:
    """Discards the buffer of standard output, whose reader may never continue."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Output):
        raw.dropped = True


def _text(raw: io.FileIO, before: TextIO | None) -> TextIO:
    """A text stream that replaces another one, None if that was closed."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before else "utf-8",
        errors="backslashreplace",  # file names need not be valid in this encoding
        line_buffering=raw.fileno() == 2 or raw.isatty(),
    )
