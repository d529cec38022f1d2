"""Tags and padding before and after audio."""

from __future__ import annotations

from audiotok_jax.audio.source import Source

_ID3V1 = 128
_ENHANCED = 227  # "TAG+", before ID3v1
_APE = 32  # header or footer


def after(source: Source, start: int, end: int) -> int:
    """Offset after all tags and zeros that begin at `start`."""
    while True:
        place = source.after_zeros(start, end)
        head = source.at(place, _APE)
        if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 0x80:
            # The size is stored in four bytes of seven bits each.
            size = sum(byte << 7 * at for at, byte in enumerate(head[9:5:-1]))
            place += 10 + size + (10 if head[5] & 0x10 else 0)
        elif head[:4] == b"TAG+":
            place += _ENHANCED
        elif head[:3] == b"TAG":
            place += _ID3V1
        elif head[:8] == b"APETAGEX":
            size = int.from_bytes(head[12:16], "little")
            place += _APE + (size if head[23:24] and head[23] & 0x20 else 0)
        elif head[:11] == b"LYRICSBEGIN":
            place = _behind(source, place, end, (b"LYRICSEND", b"LYRICS200"))
        if place == start or place >= end:
            return min(place, end)
        start = place


def before(source: Source, start: int, end: int) -> int:
    """Offset at which the tags at the end of the bytes `start` to `end` begin."""
    while True:
        place = end
        if source.at(end - _ID3V1, 3) == b"TAG":
            place -= _ID3V1
        if source.at(place - _ENHANCED, 4) == b"TAG+":
            place -= _ENHANCED
        foot = source.at(place - _APE, _APE)
        if foot[:8] == b"APETAGEX":
            place -= int.from_bytes(foot[12:16], "little") + (_APE if foot[23] & 0x80 else 0)
        if source.at(place - 9, 9) == b"LYRICS200":
            digits = source.at(place - 15, 6)
            place -= 15 + (int(digits) if digits.isdigit() else 0)
        if place == end or place < start:
            return end
        end = place
        if end == start:
            return end


def _behind(source: Source, place: int, end: int, marks: tuple[bytes, ...]) -> int:
    found = [at + len(mark) for mark in marks if (at := source.find(mark, place, end)) < end]
    return min(found, default=end)
