"""WAV, RF64, BW64 and W64."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Literal

from audiotok_jax.audio.containers import mpeg
from audiotok_jax.audio.containers.part import Part, cut_short
from audiotok_jax.audio.source import Source

_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"BW64")
_NAMES = (  # of chunks that hold no samples, four letters each
    b"LIST INFO id3  ID3  bext JUNK junk PAD  FLLR cue  smpl inst fact PEAK iXML axml aXML _PMX "
    b"acid afsp DISP chna levl note labl plst strc MD5  umid minf elm1 regn cart qlty "
)
_METADATA = frozenset(_NAMES[at : at + 4] for at in range(0, len(_NAMES), 5))
_OTHERS = (*_MAGIC, b"OggS", b"fLaC", b"FORM", b"caff", b".snd", b"dns.", b"NIST", b"#!AM")
"""Magic numbers of other files that look like the name of a chunk."""
_ONCE = (b"fmt ", b"data")
"""Chunks that a file has once; after its samples, they belong to another file."""

_MPEG = (0x50, 0x55)
_SLACK = 0x1100  # bytes; placeholders vary with the sizes of header and frames
_BIG = 2**32 - _SLACK

# Ids of chunks in W64: the four bytes of WAV, followed by a fixed suffix.
_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_WAVE = bytes.fromhex("77617665f3acd3118cd100c04f8edb8a")
_W64_CHUNK = _W64_WAVE[4:]


def is_placeholder(size: int) -> bool:
    """Whether a 32-bit size means "unknown", as programs write it to a pipe."""
    return abs(size - 2**31) <= _SLACK or size >= _BIG


def wav(source: Source, start: int, end: int) -> Part | None:
    """Parses a WAV, RF64 or BW64 file; None for other formats."""
    if not _begins(source, start):
        return None
    name = "WAV" if source.at(start, 3) == b"RIF" else "RF64"
    order: Literal["little", "big"] = "big" if source.at(start, 4) == b"RIFX" else "little"
    long_size = None
    fmt = fact = b""
    place = start + 12
    regular = order == "little"
    while place + 8 <= end:
        kind, size = source.at(place, 4), source.number(place + 4, 4, order)
        body = place + 8
        if not _is_name(kind):
            break
        if kind == b"data":
            found = _with_data(source, end, name, order, fmt, fact, body, size, long_size)
            if regular and start == 0 and found.native and not found.fault and found.intact:
                # Unchanged, so that libsndfile reads the original header.
                found = replace(found, pieces=(range(start, found.stop),))
            return found
        if kind == b"ds64":
            long_size = source.number(body + 8, 8)
        elif kind == b"fmt ":
            fmt = source.at(body, min(size, 1 << 16))
        elif kind == b"fact":
            fact = source.at(body, 4)
        place = _next_chunk(source, body, size, end)
        regular = regular and (place - body - size) % 2 == size % 2
    fault = "cut short: its header is there, but no samples"
    return Part(name, "wav", end, (range(start, end),), fault, 0)


def w64(source: Source, start: int, end: int) -> Part | None:
    """Parses a Sony Wave64 file; None for other formats."""
    if source.at(start, 16) != _W64_RIFF or source.at(start + 24, 16) != _W64_WAVE:
        return None
    fmt = fact = b""
    place = start + 40
    while place + 24 <= end:
        kind, size = source.at(place, 16), source.number(place + 16, 8)
        body = place + 24
        if kind == b"data" + _W64_CHUNK:
            stop, fault = body + size - 24, ""
            if size <= 24 and not _is_w64_chunk(source, body) and body < end:
                size = 2**63
            if size >= 2**63 - _SLACK:  # what programs write to a pipe
                stop = source.find(_W64_RIFF, body, end)
            elif stop > end:
                stop, fault = end, cut_short(size - 24, end - body)
            found = _rebuilt("W64", "w64", "little", fmt, fact, source, body, max(body, stop))
            place = stop
            while _is_w64_chunk(source, aligned := start + (place - start + 7) // 8 * 8):
                if source.at(aligned, 4) in _ONCE:
                    break
                place = aligned + max(24, source.number(aligned + 16, 8))
            return replace(found, fault=found.fault or fault, stop=min(place, end))
        if kind == b"fmt " + _W64_CHUNK:
            fmt = source.at(body, min(max(0, size - 24), 1 << 16))
        elif kind == b"fact" + _W64_CHUNK:
            fact = source.at(body, 4)
        if size < 24:
            break
        place += (size + 7) // 8 * 8
    fault = "cut short: its header is there, but no samples"
    return Part("W64", "w64", end, (range(start, end),), fault, 0)


def _with_data(
    source: Source,
    end: int,
    name: str,
    order: Literal["little", "big"],
    fmt: bytes,
    fact: bytes,
    body: int,
    size: int,
    long_size: int | None,
) -> Part:
    if long_size is not None and size >= _BIG:
        size, unknown = long_size, long_size in (0, 2**64 - 1)
    else:
        unknown = is_placeholder(size)
    fault = ""
    if size == 0:  # empty, or never filled in by the recorder
        after = _after_metadata(source, body, end)
        rest = source.after_zeros(after, end) if after > body else after
        unknown = rest < end and not _begins(source, rest)
    if body + size > end and not unknown:
        fault = cut_short(size, end - body)
    if unknown and (size == 0 or body + size > end):
        other = source.find(b"WAVEfmt ", body, end, lambda at: _begins(source, at - 8))
        stop = after = end if other == end else other - 8
    else:
        stop = min(body + size, end)
        after = _after_metadata(source, _next_chunk(source, body, size, end), end)
    tag = int.from_bytes(fmt[:2], order)
    if tag in _MPEG:
        inner = mpeg.mpeg(source, source.after_zeros(body, stop), stop)
        if inner is None:
            return Part(name, "wav", after, (range(body, stop),), fault or "no MP3 frame in it")
        if not fault and source.before_zeros(inner.stop, stop) > inner.stop:
            fault = inner.fault or f"{stop - inner.stop} bytes behind its last MP3 frame are none"
        return replace(inner, stop=after, fault=inner.fault or fault)
    found = _rebuilt(name, "wav", order, fmt, fact, source, body, stop)
    intact = bool(size) and not unknown
    return replace(found, fault=fault, stop=after, intact=intact)


def _rebuilt(
    name: str,
    demuxer: str,
    order: Literal["little", "big"],
    fmt: bytes,
    fact: bytes,
    source: Source,
    body: int,
    stop: int,
) -> Part:
    """A part with a correct header, followed by the samples from `body` to `stop`."""
    size = stop - body
    channels, block = (int.from_bytes(fmt[at : at + 2], order) for at in (2, 12))
    mark = "<" if order == "little" else ">"
    chunks = _chunk(b"fmt ", fmt, mark)
    tag, bits = (int.from_bytes(fmt[at : at + 2], order) for at in (0, 14))
    if tag == 0xFFFE:
        tag = int.from_bytes(fmt[24:26], order)
    plain = tag in (1, 3, 6, 7) and block == channels * ((bits + 7) // 8)
    frames = size // block if plain and block else None
    if not plain and fact:
        chunks += _chunk(b"fact", fact, mark)
    if size < _BIG:
        magic = b"RIFF" if order == "little" else b"RIFX"
        total = struct.pack(mark + "I", 4 + len(chunks) + 8 + size)
        head = magic + total + b"WAVE" + chunks + b"data" + struct.pack(mark + "I", size)
    else:
        sizes = struct.pack("<QQQI", 4 + 36 + len(chunks) + 8 + size, size, frames or 0, 0)
        head = b"RF64\xff\xff\xff\xffWAVE" + _chunk(b"ds64", sizes, "<") + chunks
        head += b"data\xff\xff\xff\xff"
    return Part(name, demuxer, stop, (head, range(body, stop)), "", frames, frames is not None)


def _chunk(kind: bytes, body: bytes, mark: str) -> bytes:
    return kind + struct.pack(mark + "I", len(body)) + body + b"\0" * (len(body) % 2)


def _begins(source: Source, place: int) -> bool:
    return source.at(place, 4) in _MAGIC and source.at(place + 8, 4) == b"WAVE"


def _is_name(kind: bytes) -> bool:
    return len(kind) == 4 and all(32 <= byte < 127 for byte in kind)


def _next_chunk(source: Source, body: int, size: int, end: int) -> int:
    """Offset after a chunk and its padding byte, which some writers omit after odd lengths."""
    after = body + size
    if size % 2 and (after + 1 >= end or not _is_name(source.at(after, 4))):
        after += 1
    return min(after, end)


def _after_metadata(source: Source, place: int, end: int) -> int:
    """Offset after the metadata chunks that follow the samples."""
    while place + 8 <= end and _is_name(kind := source.at(place, 4)):
        if kind in _OTHERS or kind in _ONCE:
            break
        size = source.number(place + 4, 4)
        if place + 8 + size > end and kind not in _METADATA:
            break
        place = _next_chunk(source, place + 8, size, end)
    return place


def _is_w64_chunk(source: Source, place: int) -> bool:
    return source.at(place + 4, 12) == _W64_CHUNK or (
        source.at(place, 4).isalpha() and source.at(place + 6, 2) in (b"\x11\xcf", b"\xd3\x11")
    )
