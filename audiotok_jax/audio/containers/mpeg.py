"""MPEG audio (MP3 and layers I and II): frames, whose number may be stored in the first one."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from audiotok_jax.audio.containers import tags
from audiotok_jax.audio.containers.part import Part, cut_short
from audiotok_jax.audio.source import Source

RATES_KBPS = {  # (is MPEG 1, layer): of index 1 to 14
    (True, 1): tuple(range(32, 449, 32)),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES_KBPS[False, 3] = RATES_KBPS[False, 2]
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_SURE = 3
"""Consecutive frames that identify MPEG audio."""


class Frame(NamedTuple):
    """The header of a frame."""

    size: int  # bytes
    samples: int
    rate: int
    side: int  # bytes between the header and a Xing tag


def mpeg(source: Source, start: int, end: int) -> Part | None:
    """Walks over MPEG frames; None if there are none."""
    place = start
    first = frame(source, place)
    if first is None or not _sure(source, place, end):
        return None
    counted, size = announced(source, place, first)
    total = frames = 0
    fault = ""
    while place < end:
        found = frame(source, place)
        if found is None or found.rate != first.rate:
            break
        if frames and announced(source, place, found)[0] is not None:
            break  # the first frame of another file
        if counted is not None and frames == counted + 1 and _sure(source, place, end):
            if not tags.after(source, place + found.size, end) == end:  # some count one less
                break
        if place + found.size > end:
            fault = f"cut short: its last frame, at byte {place}, is not all there"
            place = end
            break
        place += found.size
        total += found.samples
        frames += 1
    if counted is not None:
        there = frames - 1
        # Some encoders count the first frame, too; the number of bytes is reliable.
        if counted > there + 1 or (counted > there and (fault or size > place - start)):
            fault = cut_short(counted, there, "MP3 frames")
        total = counted * first.samples
    part = Part("MP3", "mp3", place, (range(start, place),), fault, total)
    return replace(part, certain=not fault, endless=counted is None)


def frame(source: Source, place: int) -> Frame | None:
    """The header of the frame at a place; None if there is none."""
    head = source.at(place, 4)
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    index, rate_index, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or index in (0, 15) or rate_index == 3:
        return None
    newer = version == 3
    rate = _RATES[version][rate_index]
    bits = RATES_KBPS[newer, layer][index - 1] * 1000
    if layer == 1:
        return Frame((12 * bits // rate + padding) * 4, 384, rate, 0)
    samples = 576 if layer == 3 and not newer else 1152
    alone = head[3] >> 6 == 3
    side = (17 if alone else 32) if newer else (9 if alone else 17)
    return Frame(samples // 8 * bits // rate + padding, samples, rate, side)


def _sure(source: Source, place: int, end: int) -> bool:
    for number in range(_SURE):
        found = frame(source, place)
        if found is None:
            # There may be only a few frames, before tags, and the last one may be cut.
            return number > 0 and (place >= end or tags.after(source, place, end) > place)
        place += found.size
    return True


def announced(source: Source, place: int, frame: Frame) -> tuple[int | None, int]:
    """Number of frames (or None) and bytes (or 0) by the Xing, Info or VBRI tag of a frame."""
    for at in (4 + frame.side, 6 + frame.side):  # after a checksum, if there is one
        head = source.at(place + at, 16)
        if head[:4] in (b"Xing", b"Info") and len(head) >= 12:
            frames = int.from_bytes(head[8:12], "big") if head[7] & 1 else None
            return frames, int.from_bytes(head[12:], "big") if head[7] & 3 == 3 else 0
    if source.at(place + 36, 4) == b"VBRI":
        return source.number(place + 36 + 14, 4, "big"), 0
    return None, 0
