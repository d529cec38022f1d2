"""The CRC-32 of zlib of many substrings of one array of bytes at once.

The state is the 32-bit register of the checksum: a polynomial over GF(2) with its highest power in
the lowest bit. It starts as `START`, and the checksum is its complement. Reading a zero byte
multiplies the state by x**8, and the state is linear in the data. The effect of a substring on any
state therefore follows from the states before and after it in a pass over the whole array.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

START = np.uint32(0xFFFFFFFF)

_POLYNOMIAL = np.uint32(0xEDB88320)
_ROW = 64  # bytes that are processed sequentially, in parallel with other rows


def step(state: Words | np.uint32, byte: NDArray[np.uint8]) -> Words:
    """The states after one more byte."""
    return _TABLE.take(state.astype(np.uint8) ^ byte) ^ (state >> np.uint32(8))


def states(data: NDArray[np.uint8]) -> Words:
    """The states before each byte and after the last, from state 0: (len(data) + 1,)."""
    rows = np.zeros((len(data) // _ROW + 1, _ROW), np.uint8)
    rows.reshape(-1)[: len(data)] = data
    crc, firsts = int(START), []  # for a state of 0
    for row in rows:
        firsts.append(crc)
        crc = zlib.crc32(row.data, crc)
    columns = [np.array(firsts, np.uint32) ^ START]
    for column in rows.T[:-1]:
        columns.append(step(columns[-1], column))
    return np.stack(columns, axis=1).reshape(-1)[: len(data) + 1]


def skip(state: Words, count: NDArray[np.integer]) -> Words:
    """The states after `count` zero bytes, each count below 2**16."""
    return _times(state, _powers().take(count))


def last_word(state: Words, checksum: Words) -> Words:
    """The little-endian u32 that leads from a state to a checksum."""
    end = checksum ^ START
    for _ in range(4):  # back by one zero byte
        index = _INDEX.take(end >> np.uint32(24))
        end = ((end ^ _TABLE.take(index)) << np.uint32(8)) | index
    return end ^ state


def _times(one: Words, other: Words) -> Words:
    """Products of polynomials modulo the polynomial of the checksum."""
    product = np.zeros_like(one)
    for power in range(32):
        product ^= other * ((one >> np.uint32(31 - power)) & np.uint32(1))
        other = (other >> np.uint32(1)) ^ (_POLYNOMIAL * (other & np.uint32(1)))
    return product


def _table() -> Words:
    words = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        words = (words >> np.uint32(1)) ^ (_POLYNOMIAL * (words & np.uint32(1)))
    return words


@functools.cache  # only needed for damaged data
def _powers() -> Words:
    """x**(8 * n) for n below 2**16."""
    powers = np.array([1 << 31], np.uint32)
    factor = np.array([1 << 23], np.uint32)
    while len(powers) < 2**16:
        powers = np.concatenate([powers, _times(powers, np.broadcast_to(factor, powers.shape))])
        factor = _times(factor, factor)
    return powers


_TABLE = _table()
_INDEX = np.argsort(_TABLE >> np.uint32(24)).astype(np.uint32)  # by the highest byte of an entry
