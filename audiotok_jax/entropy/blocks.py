"""Framing of payloads in checksummed blocks, so that undamaged ones can be recovered.

A block is the length of its payload (u16), a CRC-32 (u32, that of zlib, over the length, the
payload, and the number of the block as u32) and the payload; numbers are little-endian and start
at 0. The number is not stored: it is determined by the bytes of a block and its checksum
(`crc.last_word`). An offset is accepted as a block if that number is one of those still missing, so
blocks after a damaged one are found in time linear in the number of bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.entropy import crc

_LENGTH = struct.Struct("<H")
_CHECK = struct.Struct("<I")
_NUMBER = struct.Struct("<I")

OVERHEAD = _LENGTH.size + _CHECK.size
"""Size of a block without its payload, in bytes."""

LONGEST = 2 ** (8 * _LENGTH.size) - 1
"""Largest payload in bytes."""

_STRETCH = 2**15  # offsets that are searched at once
_FAR = 2**24  # bytes that are searched for the next block; larger damage ends the search


def join(payloads: Sequence[bytes]) -> bytes:
    """The blocks of payloads, concatenated."""
    return b"".join(
        _LENGTH.pack(len(payload)) + _CHECK.pack(_check(payload, number)) + payload
        for number, payload in enumerate(payloads)
    )


def split(data: bytes, count: int) -> tuple[dict[int, bytes], bool]:
    """The inverse of `join`.

    Args:
        data: the result of `join`, possibly damaged.
        count: number of blocks, at most 2**32.

    Returns:
        The undamaged payloads by number, and whether `data` is undamaged as a whole.
    """
    found: dict[int, bytes] = {}
    search = _Search(data)
    position = number = 0
    whole = True
    while number < count and position + OVERHEAD <= len(data):
        [length] = _LENGTH.unpack_from(data, position)
        [check] = _CHECK.unpack_from(data, position + _LENGTH.size)
        payload = data[position + OVERHEAD : position + OVERHEAD + length]
        # Without damage, the next block is the expected one.
        if len(payload) < length or _check(payload, number) != check:
            start, position, number = position, *search.first(position, number, count)
            whole = whole and position == start
            continue
        found[number] = payload
        position += OVERHEAD + length
        number += 1
    return found, whole and len(found) == count and position == len(data)


class _Search:
    """A search for blocks in bytes, which visits each offset once."""

    def __init__(self, data: bytes) -> None:
        self._bytes = np.frombuffer(data, np.uint8)
        self._start = -1
        self._numbers = np.empty(0, np.int64)

    def first(self, position: int, number: int, count: int) -> tuple[int, int]:
        """Offset and number of the first block from `position` on, numbered in number..count - 1.

        If there is none within `_FAR` bytes, the length of the data and `number`.
        """
        end = min(len(self._bytes), position + _FAR)
        while position < end:
            start = position - position % _STRETCH
            if start != self._start:
                self._start, self._numbers = start, self._numbers_from(start)
            ahead = self._numbers[position - start :]
            hits = np.flatnonzero((ahead >= number) & (ahead < count))
            if len(hits):
                return position + int(hits[0]), int(ahead[hits[0]])
            position = start + _STRETCH
        return len(self._bytes), number

    def _numbers_from(self, start: int) -> NDArray[np.int64]:
        """The number of a block at each of `_STRETCH` offsets; -1 where none fits."""
        around = self._bytes[start : start + _STRETCH + OVERHEAD + LONGEST]
        numbers = np.full(_STRETCH, -1)
        places = np.arange(min(_STRETCH, len(around) - OVERHEAD + 1))
        lengths = around[places] + (around[places + 1].astype(np.int64) << 8)
        places = places[places + OVERHEAD + lengths <= len(around)]
        if not len(places):
            return numbers
        lengths = lengths[places]
        checks = np.zeros(len(places), np.uint32)
        for byte in range(_CHECK.size):
            checks |= around[places + _LENGTH.size + byte].astype(np.uint32) << (8 * byte)
        begin: np.uint32 | NDArray[np.uint32] = crc.START
        for byte in range(_LENGTH.size):
            begin = crc.step(begin, around[places + byte])
        states = crc.states(around)
        payloads = places + OVERHEAD
        read = crc.skip(begin ^ states[payloads], lengths) ^ states[payloads + lengths]
        numbers[places] = crc.last_word(read, checks)
        return numbers


def _check(payload: bytes, number: int) -> int:
    start = zlib.crc32(payload, zlib.crc32(_LENGTH.pack(len(payload))))
    return zlib.crc32(_NUMBER.pack(number), start)
