"""AIFF and AIFF-C."""

from __future__ import annotations

import struct

from audiotok_jax.audio.containers.part import Part, cut_short, miscounted
from audiotok_jax.audio.containers.riff import is_placeholder
from audiotok_jax.audio.source import Source

_PLAIN = (b"NONE", b"sowt", b"twos", b"fl32", b"FL32", b"fl64", b"FL64", b"ulaw", b"ULAW", b"alaw",
          b"ALAW", b"in24", b"in32", b"raw ")  # fmt: skip
_EIGHT = (b"ulaw", b"ULAW", b"alaw", b"ALAW")
_SOX = range(0x7EFF_0000, 0x7F00_0200)  # sizes that sox writes to a pipe


def aiff(source: Source, start: int, end: int) -> Part | None:
    """Parses an AIFF or AIFF-C file; None for other formats."""
    if not _begins(source, start):
        return None
    form = source.at(start + 8, 4)
    other, common, body, size = b"", b"", 0, -1
    stop = place = start + 12
    announced = source.number(start + 4, 4, "big")
    limit = start + 8 + announced
    while place + 8 <= end and not (place >= limit and body):
        kind, length = source.at(place, 4), source.number(place + 4, 4, "big")
        if not all(32 <= byte < 127 for byte in kind) or (body and kind in (b"COMM", b"SSND")):
            break
        if body and place + 8 + length > end:  # not a chunk, or a truncated one
            break
        if kind == b"COMM":
            common = source.at(place + 8, min(length, 1 << 10))
        elif kind == b"FVER":
            other = source.at(place, 8 + length)
        elif kind == b"SSND":
            body, size = place + 16 + source.number(place + 8, 4, "big"), length - 8
            if _unknown(length, place, end, source):
                stop = source.find(b"FORM", body, end, lambda at: _begins(source, at))
                size = stop - body
                break
        stop = place = min(end, place + 8 + length + length % 2)
    if not body or len(common) < 18:
        fault = "cut short: its header is there, but no samples"
        return Part("AIFF", "aiff", end, (range(start, end),), fault, 0)
    return _part(source, start, (form, other, common), body, size, stop, end)


def _part(
    source: Source,
    start: int,
    head: tuple[bytes, bytes, bytes],
    body: int,
    size: int,
    stop: int,
    end: int,
) -> Part:
    form, other, common = head
    coding = common[18:22] if form == b"AIFC" else b"NONE"
    channels, frames, bits = struct.unpack(">HIH", common[:8])
    block = channels * (1 if coding in _EIGHT else (bits + 7) // 8)
    there = max(0, min(size, end - body))
    fault = cut_short(size, there) if body + size > end else ""
    if coding not in _PLAIN or not block:
        return Part("AIFF", "aiff", stop, (range(start, stop),), fault)
    known = not (frames == 0 or is_placeholder(frames * block) or frames * block in _SOX)
    if known and not fault and frames != there // block:
        fault = miscounted(frames, there // block)
    if not fault and known:
        return Part("AIFF", "aiff", stop, (range(start, stop),), "", frames, True)
    frames = there // block
    chunks = other + b"COMM" + struct.pack(">I", len(common))
    chunks += struct.pack(">HI", channels, frames) + common[6:] + b"\0" * (len(common) % 2)
    chunks += b"SSND" + struct.pack(">III", there + 8, 0, 0)
    header = b"FORM" + struct.pack(">I", 4 + len(chunks) + there) + form + chunks
    pieces = (header, range(body, body + there))
    return Part("AIFF", "aiff", stop, pieces, fault, frames, True)


def _begins(source: Source, place: int) -> bool:
    return source.at(place, 4) == b"FORM" and source.at(place + 8, 4) in (b"AIFF", b"AIFC")


def _unknown(length: int, place: int, end: int, source: Source) -> bool:
    if place + 8 + length > end:
        return is_placeholder(length) or length in _SOX
    if length > 8:
        return False
    return source.after_zeros(place + 16, end) < end and not source.at(place + 16, 4).isalpha()
