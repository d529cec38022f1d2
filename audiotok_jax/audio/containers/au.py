"""AU, the format of Sun and NeXT, in both byte orders."""

from __future__ import annotations

from typing import Literal

from audiotok_jax.audio.containers.part import Part, cut_short
from audiotok_jax.audio.containers.riff import is_placeholder
from audiotok_jax.audio.source import Source

_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
_ORDERS: dict[bytes, Literal["little", "big"]] = {b".snd": "big", b"dns.": "little"}


def au(source: Source, start: int, end: int) -> Part | None:
    """Parses the header of an AU file; None for other formats."""
    order = _ORDERS.get(source.at(start, 4))
    if order is None:
        return None
    head, size, coding, _, channels = (
        source.number(start + at, 4, order) for at in range(4, 24, 4)
    )
    body = start + head
    if head < 24 or body > end:
        fault = "cut short: not even its header is there"
        return Part("AU", "au", end, (range(start, end),), fault)
    fault = ""
    stop = body + size
    if size == 0 or (stop > end and is_placeholder(size)):
        magic = source.at(start, 4)
        stop = source.find(magic, body, end, lambda at: _sane(source, at, order))
    elif stop > end:
        stop, fault = end, cut_short(size, end - body)
    block = _WIDTHS.get(coding, 0) * channels
    frames = (stop - body) // block if block else None
    header = source.at(start, 8) + (stop - body).to_bytes(4, order)
    pieces = (header, range(start + 12, stop))
    return Part("AU", "au", stop, pieces, fault, frames, frames is not None)


def _sane(source: Source, place: int, order: Literal["little", "big"]) -> bool:
    head, _, coding, rate, channels = (
        source.number(place + at, 4, order) for at in range(4, 24, 4)
    )
    return 24 <= head <= 4096 and 1 <= coding <= 27 and 0 < rate < 2**20 and 0 < channels <= 256
