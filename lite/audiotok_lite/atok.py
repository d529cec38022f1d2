"""The `.atok` container in its plain form, version 1 of docs/format.md of audiotok_jax."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x89ATOK\r\n\x1a"
PLAIN, COMPACT = 1, 2
_HEADER = struct.Struct("<8sBB8sIIQQ")


class TokenFile(NamedTuple):
    """Tokens with what it takes to decode them.

    Attributes:
        tokens: uint16 (T,), T = ceil(num_samples / hop_length).
        model_id: of the model that made them, 16 hexadecimal digits.
        sample_rate: of the speech, in Hz.
        hop_length: samples per token.
        num_samples: length of the speech.
        bits: per token.
    """

    tokens: NDArray[np.uint16]
    model_id: str
    sample_rate: int
    hop_length: int
    num_samples: int
    bits: int = 16


def dumps(found: TokenFile) -> bytes:
    """The bytes of a token file."""
    numbers = (found.sample_rate, found.hop_length, found.num_samples, len(found.tokens))
    body = _HEADER.pack(MAGIC, PLAIN, found.bits, bytes.fromhex(found.model_id), *numbers)
    octets = np.ascontiguousarray(found.tokens, ">u2").view(np.uint8).reshape(-1, 2)
    body += np.packbits(np.unpackbits(octets, axis=1)[:, 16 - found.bits :]).tobytes()
    return body + struct.pack("<I", zlib.crc32(body))


def loads(data: bytes) -> TokenFile:
    """What `dumps` made bytes of.

    Raises:
        ValueError: they are no whole, undamaged token file of this form.
    """
    if not data.startswith(MAGIC) or len(data) < _HEADER.size:
        raise ValueError("not a token file (.atok)")
    _, version, bits, model_id, rate, hop, samples, count = _HEADER.unpack(data[: _HEADER.size])
    if version == COMPACT:
        raise ValueError("compact tokens; `audiotok` of audiotok_jax reads and writes them")
    if version != PLAIN:
        raise ValueError(f"version {version} is not {PLAIN}")
    if not (1 <= bits <= 16 and hop and rate and samples and count == -(-samples // hop)):
        raise ValueError("damaged: the numbers of its header do not belong together")
    if len(data) != _HEADER.size + -(-count * bits // 8) + 4:
        raise ValueError("cut short, or too long")
    if struct.unpack("<I", data[-4:])[0] != zlib.crc32(data[:-4]):
        raise ValueError("damaged: the checksum is wrong")
    flat = np.unpackbits(np.frombuffer(data[_HEADER.size : -4], np.uint8))
    wide = np.zeros((count, 16), np.uint8)
    wide[:, 16 - bits :] = flat[: count * bits].reshape(count, bits)
    tokens = np.packbits(wide, axis=1).view(">u2").reshape(count).astype(np.uint16)
    return TokenFile(tokens, model_id.hex(), rate, hop, samples, bits)


def read(path: str | os.PathLike[str]) -> TokenFile:
    """Reads a token file; ValueError as `loads`, naming it."""
    try:
        return loads(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def write(path: str | os.PathLike[str], found: TokenFile) -> None:
    """Writes a token file, whole or not at all."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        temporary.write_bytes(dumps(found))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
