"""A sequence of checksummed blocks of bytes; undamaged ones are found again.

A block is the length of its payload (u16), a CRC-32 (u32, that of zlib, over the length, the
payload, and the number of the block as u32) and the payload; numbers are little-endian and start
at 0. The number is not stored: the bytes of a block and its checksum leave just one that fits
(`crc.last_word`), and a block is there where that is one of those still to come. So blocks that
follow a damaged one are found at a cost that is linear in the bytes.
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
"""Bytes of a block on top of its payload."""

LONGEST = 2 ** (8 * _LENGTH.size) - 1
"""Bytes that a payload may have."""

_STRETCH = 2**15  # places that are searched at once
_FAR = 2**24  # bytes that are searched for the next block; damage leaves nothing behind more


def join(payloads: Sequence[bytes]) -> bytes:
    """The blocks, one after the other."""
    return b"".join(
        _LENGTH.pack(len(payload)) + _CHECK.pack(_check(payload, number)) + payload
        for number, payload in enumerate(payloads)
    )


def split(data: bytes, count: int) -> tuple[dict[int, bytes], bool]:
    """Undoes `join`.

    Args:
        data: what `join` returned, or what became of it.
        count: how many blocks there were, at most 2**32.

    Returns:
        The payloads that are undamaged, by number, and whether `data` is just what `join` gave.
    """
    found: dict[int, bytes] = {}
    search = _Search(data)
    position = number = 0
    whole = True
    while number < count and position + OVERHEAD <= len(data):
        [length] = _LENGTH.unpack_from(data, position)
        [check] = _CHECK.unpack_from(data, position + _LENGTH.size)
        payload = data[position + OVERHEAD : position + OVERHEAD + length]
        # Without damage, the next block is at once where and what it should be.
        if len(payload) < length or _check(payload, number) != check:
            start, position, number = position, *search.first(position, number, count)
            whole = whole and position == start
            continue
        found[number] = payload
        position += OVERHEAD + length
        number += 1
    return found, whole and len(found) == count and position == len(data)


class _Search:
    """Looks for blocks in bytes, each place once."""

    def __init__(self, data: bytes) -> None:
        self._bytes = np.frombuffer(data, np.uint8)
        self._start = -1
        self._numbers = np.empty(0, np.int64)

    def first(self, position: int, number: int, count: int) -> tuple[int, int]:
        """Place and number of the first block, not before `position`, that is in number..count - 1.

        If there is none within `_FAR` bytes, the end of them all and `number`.
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
        """What number a block would have at each of `_STRETCH` places, -1 where none has room."""
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
