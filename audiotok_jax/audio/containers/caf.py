"""CAF, the Core Audio Format."""

from __future__ import annotations

import struct

from audiotok_jax.audio.containers.part import Part, cut_short
from audiotok_jax.audio.source import Source

_PLAIN = (b"lpcm", b"ulaw", b"alaw")


def caf(source: Source, start: int, end: int) -> Part | None:
    """Parses a CAF file; None for other formats."""
    if source.at(start, 4) != b"caff":
        return None
    place = start + 8
    packet = 0
    coding = b""
    found: tuple[int, int] | None = None
    pieces: tuple[bytes | range, ...] = (range(start, end),)
    fault = ""
    while place + 12 <= end:
        kind, size = source.at(place, 4), source.number(place + 4, 8, "big", signed=True)
        if not all(32 <= byte < 127 for byte in kind) or kind == b"caff":
            break
        if found is not None and kind in (b"desc", b"data"):  # that of another file
            break
        body = place + 12
        if kind == b"desc":
            coding, packet = source.at(body + 8, 4), source.number(body + 16, 4, "big")
        if kind == b"data":
            stop = body + size
            if size <= 4 and source.after_zeros(min(end, body + 4), end) < end:
                stop = source.find(b"caff\0\1\0\0desc", body, end)
                if 0 <= size and source.at(body + size, 4).isalpha():
                    stop = body + size  # an empty one, followed by chunks
            if stop > end:
                stop, fault = end, cut_short(size, end - body)
            found = body + 4, max(body + 4, stop)
            if stop - body != size:
                head = source.at(start, place + 4 - start)
                pieces = (head, struct.pack(">q", stop - body), range(body, stop))
            place = stop
        else:
            if size < 0 or (found is not None and body + size > end):
                break
            place = min(end, body + size)
    if found is None:
        fault = "cut short: its header is there, but no samples"
        return Part("CAF", "caf", end, (range(start, end),), fault, 0)
    *first, last = pieces
    assert isinstance(last, range)
    frames = (found[1] - found[0]) // packet if coding in _PLAIN and packet else None
    pieces = (*first, range(last.start, place))
    return Part("CAF", "caf", place, pieces, fault, frames, frames is not None)
