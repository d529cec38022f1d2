"""FLAC, whose header has the number of samples, but not the size in bytes."""

from __future__ import annotations

import re

from audiotok_jax.audio.containers import tags
from audiotok_jax.audio.containers.part import Part
from audiotok_jax.audio.source import Source

_STREAMINFO = b"\0\0\0\x22"
_KEPT = 4  # zeros kept at the end, as they may belong to the last frame
_HEADER = 16  # bytes, the longest header of a frame


def flac(source: Source, start: int, end: int) -> Part | None:
    """Parses the metadata of a FLAC stream; None for other formats."""
    if source.at(start, 4) != b"fLaC":
        return None
    place = start + 4
    last = False
    while not last and place + 4 <= end:
        kind = source.at(place, 1)[0]
        if place > start + 4 and kind & 0x7F in (0, 0x7F):  # no second STREAMINFO, nor a frame
            break
        last = bool(kind & 0x80)
        place += 4 + source.number(place + 1, 3, "big")
    if not last or place > end or not _begins(source, start):
        fault = "cut short: not even its header is there"
        return Part("FLAC", "flac", end, (range(start, end),), fault, 0)
    stop = source.find(b"fLaC", place, end, lambda at: _begins(source, at))
    inner = tags.before(source, place, stop)
    bare = min(inner, source.before_zeros(place, inner) + _KEPT)
    info = bytearray(source.at(start + 8, 34))
    frames = int.from_bytes(info[13:18], "big") & 0xF_FFFF_FFFF
    certain = frames > 0 and _ends_with(source, place, bare, bytes(info), frames)
    # With the number of samples set to 0, unknown, libsndfile reads to the end of the stream.
    info[13] &= 0xF0
    info[14:18] = bytes(4)
    head = b"fLaC" + source.at(start + 4, 4) + bytes(info)
    pieces = (head, range(start + 42, bare))
    return Part("FLAC", "flac", stop, pieces, "", frames or None, certain, padded=bare < inner)


def _begins(source: Source, place: int) -> bool:
    kind = source.at(place + 4, 4)
    return kind[1:] == _STREAMINFO[1:] and kind[:1] in (b"\0", b"\x80")


def _ends_with(source: Source, start: int, end: int, info: bytes, frames: int) -> bool:
    """Whether the last frame that the header announces is at the end, judged by its frame number.

    False for variable block sizes, whose frames are numbered differently.
    """
    least, most = (int.from_bytes(info[at : at + 2], "big") for at in (0, 2))
    if least != most or not least:
        return False
    longest = int.from_bytes(info[7:10], "big") or 1 << 17
    first = max(start, end - longest - _HEADER)
    tail = source.at(first, end - first)
    last = (frames - 1) // least
    return _has_frame(tail, last) and not _has_frame(tail, last + 1)


def _has_frame(data: bytes, number: int) -> bool:
    """Whether there may be the header of a frame with this number."""
    return bool(re.search(rb"\xff\xf8.." + re.escape(_coded(number)), data, re.DOTALL))


def _coded(number: int) -> bytes:
    """A frame number in the UTF-8-like code of FLAC, up to 36 bits."""
    if number < 0x80:
        return bytes([number])
    count = 2
    while number >= 1 << (5 * count + 1) and count < 7:
        count += 1
    lead = (0xFF << (8 - count)) & 0xFF
    rest = [0x80 | (number >> 6 * place) & 0x3F for place in reversed(range(count - 1))]
    return bytes([lead | number >> 6 * (count - 1), *rest])
