"""Blocks of bytes in a row, of which those that are not damaged are found again.

A block is the length of its payload (u16), a CRC-32 (u32, that of zlib, over the length, the
payload, and the number of the block as u32) and the payload; numbers are little-endian and start
at 0. As the checksum covers the number, which is not stored, blocks that follow a damaged one are
found by trying: where a checksum fits, there a block starts, and it says which one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

_LENGTH = struct.Struct("<H")
_CHECK = struct.Struct("<I")
_NUMBER = struct.Struct("<I")

OVERHEAD = _LENGTH.size + _CHECK.size
"""Bytes of a block on top of its payload."""

LONGEST = 2 ** (8 * _LENGTH.size) - 1
"""Bytes that a payload may have."""


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
        count: how many blocks there were.

    Returns:
        The payloads that are undamaged, by number, and whether `data` is just what `join` gave.
    """
    found: dict[int, bytes] = {}
    position = number = 0
    whole = True
    while number < count and position + OVERHEAD <= len(data):
        [length] = _LENGTH.unpack_from(data, position)
        [check] = _CHECK.unpack_from(data, position + _LENGTH.size)
        payload = data[position + OVERHEAD : position + OVERHEAD + length]
        # Without damage, the next block is at once where and what it should be.
        candidates = range(number, count) if len(payload) == length else ()
        match = next((n for n in candidates if _check(payload, n) == check), None)
        if match is None:
            whole = False
            position += 1
            continue
        found[match] = payload
        position += OVERHEAD + length
        number = match + 1
    return found, whole and len(found) == count and position == len(data)


def _check(payload: bytes, number: int) -> int:
    start = zlib.crc32(payload, zlib.crc32(_LENGTH.pack(len(payload))))
    return zlib.crc32(_NUMBER.pack(number), start)
