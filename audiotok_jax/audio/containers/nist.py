"""NIST SPHERE, the format of older speech corpora."""

from __future__ import annotations

from audiotok_jax.audio.containers.part import Part, cut_short
from audiotok_jax.audio.source import Source


def nist(source: Source, start: int, end: int) -> Part | None:
    """Parses the header of a SPHERE file; None for other formats."""
    if source.at(start, 8) != b"NIST_1A\n":
        return None
    try:
        size = int(source.at(start + 8, 8))
    except ValueError:
        return None
    if not 16 < size <= 1 << 16:
        return None
    fields = {}
    for line in source.at(start + 16, size - 16).split(b"\n"):
        name, _, value = line.strip().partition(b" ")
        if name == b"end_head":
            break
        fields[name] = value.partition(b" ")[2]
    body = start + size
    whole = (range(start, end),)
    try:
        count, channels, width = (
            int(fields.get(name, default))
            for name, default in (
                (b"sample_count", b"-1"),
                (b"channel_count", b"1"),
                (b"sample_n_bytes", b"2"),
            )
        )
    except ValueError:
        return Part("NIST", "nistsphere", end, whole, "its header holds no numbers")
    if b"," in fields.get(b"sample_coding", b""):  # compressed
        return Part("NIST", "nistsphere", end, whole, native=False)
    block = channels * width
    if block <= 0:
        return Part("NIST", "nistsphere", end, whole, "its header holds no numbers")
    if count < 0:
        return Part("NIST", "nistsphere", end, whole, "", max(0, end - body) // block, True)
    stop = body + count * block
    if stop <= end:
        return Part("NIST", "nistsphere", stop, (range(start, stop),), "", count, True)
    fault = cut_short(count * block, max(0, end - body))
    return Part("NIST", "nistsphere", end, whole, fault)
