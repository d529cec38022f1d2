"""Streams of frames without a file header: ADTS (AAC) and AMR."""

from __future__ import annotations

from collections.abc import Callable

from audiotok_jax.audio.containers.part import Part
from audiotok_jax.audio.source import Source

_AMR = {
    b"#!AMR\n": (12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0),
    b"#!AMR-WB\n": (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, 0, 0, 0, 0, 0, 0),
}
_SURE = 2


def adts(source: Source, start: int, end: int) -> Part | None:
    """Walks over ADTS frames; None if there are none."""
    place, count, fault = _walk(start, end, lambda at: _adts_size(source.at(at, 7)))
    if count < _SURE:
        return None
    return Part("AAC", "aac", place, (range(start, place),), fault, native=False)


def amr(source: Source, start: int, end: int) -> Part | None:
    """Walks over AMR frames; None for other formats."""
    magic = next((name for name in _AMR if source.at(start, len(name)) == name), None)
    if magic is None:
        return None

    def size(at: int) -> int:
        head = source.at(at, 1)[0]
        return 0 if head & 0x83 or not head else 1 + _AMR[magic][head >> 3 & 15]

    place, _, fault = _walk(start + len(magic), end, size)
    return Part("AMR", "amr", place, (range(start, place),), fault, native=False)


def _walk(place: int, end: int, size_at: Callable[[int], int]) -> tuple[int, int, str]:
    """Walks over frames, up to one of size 0, which is another file, padding or other data.

    Returns:
        The offset of the first byte after them, the number of whole ones, and the fault.
    """
    count = 0
    while place < end and (size := size_at(place)):
        if place + size > end:
            return end, count, f"cut short: its last frame, at byte {place}, is not all there"
        place += size
        count += 1
    return place, count, ""


def _adts_size(head: bytes) -> int:
    """Size of an ADTS frame in bytes; 0 if this is not one."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return 0
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size > 7 else 0
