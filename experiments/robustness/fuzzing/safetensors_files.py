"""Files of arrays in the format safetensors: an independent reader, and mutations."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fuzzing import mutations, strict
from fuzzing.target import Mutation, expect

LENGTH = struct.Struct("<Q")
"""Size of the JSON at the start."""

DTYPES = {
    "F16": "<f2", "F32": "<f4", "F64": "<f8", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "?",
}  # fmt: skip


def parse(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays and the metadata; raises `Silent` for anything else."""
    [size] = LENGTH.unpack_from(data)
    header = strict.parse(data[LENGTH.size : LENGTH.size + size])
    body = data[LENGTH.size + size :]
    about = header.pop("__metadata__", {})
    arrays, ends = {}, [0]
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        flat = np.frombuffer(body[start:stop], DTYPES[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
        ends.append(stop)
    expect(max(ends) == len(body), "bytes that belong to no array")
    return arrays, about


def _other_header(data: bytes, random: Random) -> bytes:
    """Changes the description of the arrays."""
    if len(data) < LENGTH.size:
        return data
    [size] = LENGTH.unpack_from(data)
    text = mutations.value(data[LENGTH.size : LENGTH.size + size] or b"{", random)
    return LENGTH.pack(len(text)) + text + data[LENGTH.size + size :]


def _other_number(data: bytes, random: Random) -> bytes:
    """Puts an infinite or large number, or NaN, into an array."""
    if len(data) < LENGTH.size:
        return data
    [size] = LENGTH.unpack_from(data)
    start = LENGTH.size + size
    if start + 8 > len(data):
        return data
    at = random.randrange(start, len(data) - 1) // 2 * 2
    number = random.choice((b"\0\x7c", b"\0\xfc", b"\0\x7e", b"\xff\x7b", b"\xff\x7f", b"\xff\xff"))
    return data[:at] + number + data[at + 2 :]


MUTATIONS: tuple[Mutation, ...] = (
    *mutations.BYTES, *(_other_header,) * 8, *(_other_number,) * 3,
)  # fmt: skip
"""For such files."""
