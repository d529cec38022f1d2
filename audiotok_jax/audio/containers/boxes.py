"""Nested containers: MP4 (M4A, MOV, 3GP), Matroska (WebM) and ASF (WMA)."""

from __future__ import annotations

from audiotok_jax.audio.containers.part import Part
from audiotok_jax.audio.source import Source

_ISO = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"sidx")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
# Elements inside a segment or a cluster, whose own length may be unknown.
_IN_SEGMENT = frozenset(
    bytes.fromhex(name)
    for name in (
        "114d9b74 1549a966 1654ae6b 1f43b675 1c53bb6b 1941a469 1043a770 1254c367 ec bf "
        "e7 a7 ab a3 a0 af 5854"
    ).split()
)
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def mp4(source: Source, start: int, end: int) -> Part | None:
    """Walks over the boxes of an MP4 file; None for other formats."""
    if source.at(start + 4, 4) not in _ISO:
        return None
    place = start
    fault = ""
    seen: set[bytes] = set()
    while place + 8 <= end:
        size, kind = source.number(place, 4, "big"), source.at(place + 4, 4)
        if kind in seen and kind in (b"ftyp", b"moov"):
            break  # of another file
        if not all(32 <= byte < 127 or byte == 0xA9 for byte in kind):
            break
        seen.add(kind)
        if size == 1:
            size = source.number(place + 8, 8, "big")
        elif size == 0:
            size = end - place
        if size < 8:
            break
        if place + size > end:
            name = kind.decode("latin-1").strip()
            fault = f"cut short: its box {name!r} announces {size} bytes, {end - place} are there"
            place = end
            break
        place += size
    if 0 < end - place < 8 and not fault:
        place = end
        fault = "cut short: it ends in the head of a box"
    if place == start:
        return None
    return Part("MP4", "mov", place, (range(start, place),), fault, native=False)


def matroska(source: Source, start: int, end: int) -> Part | None:
    """Walks over the elements of a Matroska file; None for other formats."""
    if source.at(start, 4) != _EBML:
        return None
    place = start
    fault = ""
    while place < end:
        kind, size, body = _element(source, place)
        if kind not in (_SEGMENT if place > start else _EBML, *_IN_SEGMENT):
            break
        if size is None:  # unknown, as in a live stream: its children follow
            place = body
            continue
        if body + size > end:
            fault = f"cut short: at byte {place} it announces {size} bytes, {end - body} are there"
            place = end
            break
        place = body + size
        if kind == _SEGMENT:
            break
    return Part("Matroska", "matroska", place, (range(start, place),), fault, native=False)


def asf(source: Source, start: int, end: int) -> Part | None:
    """Compares the size in an ASF header with the file; None for other formats."""
    if source.at(start, 16) != _ASF:
        return None
    place = start + 30
    stop = end
    fault = ""
    limit = start + source.number(start + 16, 8)
    while place + 24 <= min(end, limit):
        size = source.number(place + 16, 8)
        if size < 24:
            break
        if source.at(place, 16) == _ASF_FILE and source.number(place + 88, 4) & 1:
            stop = source.find(_ASF, limit, end)  # a broadcast, of unknown length
        elif source.at(place, 16) == _ASF_FILE:
            announced = source.number(place + 40, 8)
            if start + announced > end:
                fault = f"cut short: its header announces {announced} bytes, it has {end - start}"
            else:
                stop = start + max(announced, 30)
        place += size
    return Part("ASF", "asf", stop, (range(start, stop),), fault, native=False)


def _element(source: Source, place: int) -> tuple[bytes, int | None, int]:
    """The id of an element, its size (None if unknown), and the offset of its content."""
    first = source.at(place, 1)
    length = 9 - first[0].bit_length() if first else 9
    if length > 4:
        return b"", 0, place
    kind = source.at(place, length)
    place += length
    first = source.at(place, 1)
    width = 9 - first[0].bit_length() if first else 9
    if width > 8:
        return b"", 0, place
    size = source.number(place, width, "big") & ((1 << 7 * width) - 1)
    return kind, None if size == (1 << 7 * width) - 1 else size, place + width
