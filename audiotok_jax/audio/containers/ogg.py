"""Ogg: pages of one or several streams, multiplexed or chained."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from audiotok_jax.audio.containers.part import Part
from audiotok_jax.audio.source import Piece, Source

_HEAD = 27
_FIRST, _LAST = 2, 4  # flags of a page
_SOUNDS = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ")
_FULL_BAND = 48_000
_LONGEST = 65_535  # samples in a packet of any codec

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass
class _Stream:
    """State of one stream after a page."""

    sequence: int  # number of the page
    ended: bool  # whether a page was marked as the last
    sound: bool
    granule: int = 0
    packets: int = 0


def ogg(source: Source, start: int, end: int) -> Part | None:
    """Walks over the pages of one link of a chain; None for other formats."""
    if source.at(start, 4) != b"OggS":
        return None
    streams: dict[bytes, _Stream] = {}
    pieces: list[Piece] = []
    fault = ""
    place = start
    begun = False
    while place < end:
        head = source.at(place, _HEAD)
        if head[:4] != b"OggS":
            break
        lacing = source.at(place + _HEAD, head[26]) if len(head) == _HEAD else b""
        size = _HEAD + len(lacing) + sum(lacing)
        if len(head) < _HEAD or len(lacing) < head[26] or place + size > end:
            fault = fault or f"cut short: its last page, at byte {place}, is not all there"
            place = end
            break
        page = source.at(place, size)
        serial, sequence = head[14:18], int.from_bytes(head[18:22], "little")
        if head[5] & _FIRST:
            if begun:
                break  # of another link of the chain
            sound = page[_HEAD + len(lacing) :].startswith(_SOUNDS)
            streams[serial] = _Stream(sequence - 1, ended=False, sound=sound)
        else:
            begun = True
        if int.from_bytes(head[22:26], "little") != checksum(page):
            fault = fault or f"damaged: the page at byte {place} has another checksum"
        stream = streams.get(serial)
        if stream is None:
            fault = fault or f"damaged: the page at byte {place} is of a stream without a beginning"
        else:
            if sequence != stream.sequence + 1 and not stream.ended:
                fault = fault or f"damaged: pages are missing before byte {place}"
            stream.sequence = sequence
            stream.ended = stream.ended or bool(head[5] & _LAST)
            granule = int.from_bytes(head[6:14], "little", signed=True)
            stream.granule = max(stream.granule, granule)
            stream.packets += sum(byte < 255 for byte in lacing)
        if place == start and page[_HEAD + len(lacing) :].startswith(b"OpusHead"):
            pieces.append(_full_band(page, _HEAD + len(lacing)))
        else:
            pieces.append(range(place, place + size))
        place += size
    sounds = [stream for stream in streams.values() if stream.sound]
    if len(sounds) > 1:
        fault = fault or f"{len(sounds)} streams of audio run side by side; extract one of them"
    if not fault and not all(stream.ended for stream in sounds):
        fault = "cut short: no page of it says that it is the last"
    certain = not fault and all(one.granule <= one.packets * _LONGEST for one in sounds)
    return Part("OGG", "ogg", place, tuple(_merged(pieces)), fault, None, certain)


def checksum(page: bytes) -> int:
    """CRC-32 of a page with its checksum field set to zero.

    The polynomial is that of zlib, but with bits in the opposite order, and initial and final value
    are zero.
    """
    data = page[:22] + bytes(4) + page[26:]
    found = zlib.crc32(data.translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{found:032b}"[::-1], 2)


def _full_band(page: bytes, body: int) -> bytes:
    """The first page of Opus, its rate set to 48 kHz if it is 0 (libsndfile would take 8 kHz)."""
    field = slice(body + 12, body + 16)
    if page[field] != bytes(4):
        return page
    changed = bytearray(page)
    changed[field] = _FULL_BAND.to_bytes(4, "little")
    changed[22:26] = checksum(bytes(changed)).to_bytes(4, "little")
    return bytes(changed)


def _merged(pieces: list[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for piece in pieces:
        before = found[-1] if found else b""
        if isinstance(piece, range) and isinstance(before, range) and before.stop == piece.start:
            found[-1] = range(before.start, piece.stop)
        else:
            found.append(piece)
    return found
