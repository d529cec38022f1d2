"""Random access to the bytes of an open file, and views of parts of it as files."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from typing import IO, Any

_CACHED = 1 << 16
_SEARCHED = 1 << 20

Piece = bytes | range
"""Bytes, or a range of offsets in a file."""


class Source:
    """Random access to a file.

    Attributes:
        file: open for reading, seekable.
        size: in bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """Takes an open file, which stays open."""
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        self._start = 0
        self._block = b""

    def at(self, place: int, count: int) -> bytes:
        """Up to `count` bytes from offset `place` on; fewer at the end, none before the start."""
        count = min(count, self.size - place)
        if place < 0 or count <= 0:
            return b""
        skip = place - self._start
        if skip < 0 or skip + count > len(self._block):
            self.file.seek(place)
            self._start, skip = place, 0
            self._block = self.file.read(max(count, _CACHED))
        return self._block[skip : skip + count]

    def number(self, place: int, size: int, order: Any = "little", signed: bool = False) -> int:
        """The integer of `size` bytes at `place`."""
        return int.from_bytes(self.at(place, size), order, signed=signed)

    def find(
        self, needle: bytes, start: int, end: int, accept: Callable[[int], bool] = lambda _: True
    ) -> int:
        """The first offset of `needle` within `start` to `end` that `accept` accepts, or `end`."""
        while (start := self._data(start, end)) < end:
            block = self.at(start, min(_SEARCHED, end - start))
            found = block.find(needle)
            while found >= 0:
                if accept(start + found):
                    return start + found
                found = block.find(needle, found + 1)
            start += max(1, len(block) - len(needle) + 1)
        return end

    def after_zeros(self, start: int, end: int) -> int:
        """Offset of the first byte from `start` on that is not 0, or `end`."""
        while (start := self._data(start, end)) < end:
            block = self.at(start, min(_SEARCHED, end - start))
            rest = block.lstrip(b"\0")
            start += len(block) - len(rest)
            if rest:
                break
        return min(start, end)

    def before_zeros(self, start: int, end: int) -> int:
        """Offset at which the zeros at the end of the bytes `start` to `end` begin."""
        while end > start:
            first = max(start, end - _SEARCHED)
            if self._data(first, end) == end:
                end = first
                continue
            rest = self.at(first, end - first).rstrip(b"\0")
            end = first + len(rest)
            if rest:
                break
        return end

    def _data(self, start: int, end: int) -> int:
        """Skips a hole in a sparse file, which may be larger than any disk."""
        if end - start >= _SEARCHED:
            try:
                return min(end, os.lseek(self.file.fileno(), start, os.SEEK_DATA))
            except (OSError, AttributeError) as error:
                if isinstance(error, OSError) and error.errno == 6:  # ENXIO: zeros to the end
                    return end
        return start


class View(io.RawIOBase):
    """Pieces of a file, concatenated, as a readable file.

    Attributes:
        error: of the disk, which a decoder in C would not propagate.
    """

    def __init__(self, source: Source, pieces: Sequence[Piece]) -> None:
        """Shows `pieces` of `source`."""
        self._source = source
        self._pieces = [piece for piece in pieces if len(piece)]
        self._place = 0
        self.length = sum(map(len, self._pieces))
        self.error: OSError | None = None

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See `io`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.length}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        """See `io`; an error of the disk is stored and acts like the end of the file."""
        try:
            data = self._next(len(buffer))
        except OSError as error:
            self.error, data = error, b""
        memoryview(buffer).cast("B")[: len(data)] = data
        return len(data)

    def check(self, name: str) -> None:
        """Raises the stored error of the disk, if any, for the file `name`."""
        if self.error is not None:
            raise OSError(self.error.errno, self.error.strerror, name)

    def _next(self, count: int) -> bytes:
        skip = self._place
        for piece in self._pieces:
            if skip < len(piece):
                part = piece[skip : skip + count]
                data = part if isinstance(part, bytes) else self._source.at(part.start, len(part))
                self._place += len(data)
                return data
            skip -= len(piece)
        return b""
