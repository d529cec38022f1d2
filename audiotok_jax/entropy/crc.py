"""The CRC-32 of zlib for many stretches of one array of bytes at once.

A state is the 32 bits that the checksum keeps while it reads: a polynomial over GF(2), its
highest power in the lowest bit. It starts as `START`, and the checksum is its complement. To read
a byte of zero is to multiply the state by x**8; and states of sums are sums of states. So what a
stretch of bytes does to any state follows from the states before and after it in another reading.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

START = np.uint32(0xFFFFFFFF)

_POLYNOMIAL = np.uint32(0xEDB88320)
_ROW = 64  # bytes that are read one after the other, side by side with other rows


def step(state: Words | np.uint32, byte: NDArray[np.uint8]) -> Words:
    """The states after one more byte."""
    return _TABLE.take(state.astype(np.uint8) ^ byte) ^ (state >> np.uint32(8))


def states(data: NDArray[np.uint8]) -> Words:
    """The states, from 0 on, before each byte and after the last: (len(data) + 1,)."""
    rows = np.zeros((len(data) // _ROW + 1, _ROW), np.uint8)
    rows.reshape(-1)[: len(data)] = data
    crc, firsts = int(START), []  # of a state of 0
    for row in rows:
        firsts.append(crc)
        crc = zlib.crc32(row.data, crc)
    columns = [np.array(firsts, np.uint32) ^ START]
    for column in rows.T[:-1]:
        columns.append(step(columns[-1], column))
    return np.stack(columns, axis=1).reshape(-1)[: len(data) + 1]


def skip(state: Words, count: NDArray[np.integer]) -> Words:
    """The states after `count` bytes of zero, each below 2**16."""
    return _times(state, _powers().take(count))


def last_word(state: Words, checksum: Words) -> Words:
    """What u32, little-endian, leads from a state to a checksum."""
    end = checksum ^ START
    for _ in range(4):  # back by a byte of zero
        index = _INDEX.take(end >> np.uint32(24))
        end = ((end ^ _TABLE.take(index)) << np.uint32(8)) | index
    return end ^ state


def _times(one: Words, other: Words) -> Words:
    """Products of polynomials, modulo that of the checksum."""
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


@functools.cache  # as only damage asks for them
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
