"""MPEG audio (MP3 and its older layers): frames, and perhaps a first one that counts them."""

from __future__ import annotations

from typing import NamedTuple

from audiotok_jax.audio.containers import tags
from audiotok_jax.audio.containers.part import Part, cut_short
from audiotok_jax.audio.source import Source

_KBPS = {  # (is MPEG 1, layer): of index 1 to 14
    (True, 1): tuple(range(32, 449, 32)),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_KBPS[False, 3] = _KBPS[False, 2]
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_SURE = 3
"""Frames that follow one another before bytes count as MPEG audio."""


class Frame(NamedTuple):
    """The header of a frame."""

    size: int  # bytes
    samples: int
    rate: int
    side: int  # bytes between the header and what counts the frames


def mpeg(source: Source, start: int, end: int) -> Part | None:
    """Walks over the frames of a stream; None if there are none."""
    place = start
    first = _frame(source, place)
    if first is None or not _sure(source, place, end):
        return None
    counted = _announced(source, place, first)
    total = frames = 0
    fault = ""
    while place < end:
        frame = _frame(source, place)
        if frame is None or frame.rate != first.rate:
            break
        if frames and _announced(source, place, frame) is not None:
            break  # the first frame of another file
        if counted is not None and frames == counted + 1 and _sure(source, place, end):
            if not tags.after(source, place + frame.size, end) == end:  # some count one less
                break
        if place + frame.size > end:
            fault = f"cut short: its last frame, at byte {place}, is not all there"
            place = end
            break
        place += frame.size
        total += frame.samples
        frames += 1
    if counted is not None:
        there = frames - 1
        # Some count the first frame, too, but nobody counts bytes that he does not write.
        size = _announced_bytes(source, start, first)
        if counted > there + 1 or (counted > there and (fault or size > place - start)):
            fault = cut_short(counted, there, "MP3 frames")
        total = counted * first.samples
    return Part(
        "MP3",
        "mp3",
        place,
        (range(start, place),),
        fault,
        total,
        certain=not fault,
        endless=counted is None,
    )


def _frame(source: Source, place: int) -> Frame | None:
    head = source.at(place, 4)
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    index, rate_index, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or index in (0, 15) or rate_index == 3:
        return None
    newer = version == 3
    rate = _RATES[version][rate_index]
    bits = _KBPS[newer, layer][index - 1] * 1000
    if layer == 1:
        return Frame((12 * bits // rate + padding) * 4, 384, rate, 0)
    samples = 576 if layer == 3 and not newer else 1152
    alone = head[3] >> 6 == 3
    side = (17 if alone else 32) if newer else (9 if alone else 17)
    return Frame(samples // 8 * bits // rate + padding, samples, rate, side)


def _sure(source: Source, place: int, end: int) -> bool:
    for number in range(_SURE):
        frame = _frame(source, place)
        if frame is None:
            # Few frames may be all there is, before tags, or the last one is cut.
            return number > 0 and (place >= end or tags.after(source, place, end) > place)
        place += frame.size
    return True


def _announced_bytes(source: Source, place: int, frame: Frame) -> int:
    """Bytes that there are from `place` on, as the first frame says; 0 if it does not."""
    for at in (4 + frame.side, 6 + frame.side):
        head = source.at(place + at, 16)
        if head[:4] in (b"Xing", b"Info") and len(head) == 16:
            return int.from_bytes(head[12:16], "big") if head[7] & 3 == 3 else 0
    return 0


def _announced(source: Source, place: int, frame: Frame) -> int | None:
    """Frames that follow, as the first one counts them; None if this does not."""
    for at in (4 + frame.side, 6 + frame.side):  # behind a checksum, perhaps
        head = source.at(place + at, 12)
        if head[:4] in (b"Xing", b"Info") and len(head) == 12:
            return int.from_bytes(head[8:12], "big") if head[7] & 1 else None
    if source.at(place + 36, 4) == b"VBRI":
        return source.number(place + 36 + 14, 4, "big")
    return None
