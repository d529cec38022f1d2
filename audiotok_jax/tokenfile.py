r"""The `.atok` container: one stream of tokens, with the metadata to decode them.

All header numbers are little-endian.

| offset | bytes | type | field                                                              |
|-------:|------:|------|--------------------------------------------------------------------|
|      0 |     8 | -    | magic `89 41 54 4F 4B 0D 0A 1A` (`\x89ATOK\r\n\x1a`)               |
|      8 |     1 | u8   | version of this layout, 1                                          |
|      9 |     1 | u8   | bits per token, 1 to 16                                            |
|     10 |     8 | -    | model id, shown as 16 lower-case hexadecimal digits                |
|     18 |     4 | u32  | sample rate of the speech in Hz, at least 1                        |
|     22 |     4 | u32  | hop length: samples for one token, at least 1                      |
|     26 |     8 | u64  | num_samples: length of the speech in samples, at least 1           |
|     34 |     8 | u64  | num_tokens: ceil(num_samples / hop length)                         |
|     42 |     P | -    | tokens, most significant bit first, no gaps; the last byte filled  |
|        |       |      | up with zero bits: P = ceil(num_tokens * bits / 8)                 |
| 42 + P |     4 | u32  | CRC-32 (that of zlib) of all bytes before it                       |

Nothing follows the CRC.  As in PNG, the magic starts with a byte above 127 and holds a CR LF
pair, so that a transfer in text mode shows at once.

Version 2 holds the tokens entropy-coded. It starts with the same 42 bytes, except for the version:

| offset | bytes | type | field                                                              |
|-------:|------:|------|--------------------------------------------------------------------|
|     42 |     8 | -    | `Prior.id` of the prior that decodes them                          |
|     50 |     4 | u32  | CRC-32 of all bytes before it                                      |
|     54 |     - | -    | what `entropy.Coder.encode` returned: blocks of at most 10 s, each |
|        |       |      | with a CRC-32 of its own; see `entropy.blocks`                     |

Nothing follows the last block. Damage to a block costs that block alone (`recover`).
"""

from __future__ import annotations

import io
import operator
import os
import re
import stat
import struct
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiotok_jax import entropy, files
from audiotok_jax.tokens import check_tokens

MAGIC = b"\x89ATOK\r\n\x1a"
PACKED, CODED = 1, 2
"""Versions of the layout."""

Coders = Callable[[str], entropy.Coder]
"""A function of the id of a prior, which returns its coder."""

MOST_BYTES = 2**28
"""Largest payload that is read, 19 days at 80 tokens a second: a sparse file can announce and hold
any size, so larger ones are refused before memory is allocated."""

_HEADER = struct.Struct("<8sBB8sIIQQ")
_PRIOR = struct.Struct("<8s")
_CRC = struct.Struct("<I")
_MOST = 64  # most bytes of a coded token: 2 for each bit, and 14 for a block of one token
_UNPACKED = 1 << 16  # tokens unpacked at once; a multiple of 8, so that they end with a byte
_PIECE = 1 << 20  # bytes read at once, so that memory is allocated only for what is there


class TokenFileError(ValueError):
    """The bytes, or the values to be stored, are not a valid token file."""


class OtherModelError(TokenFileError):
    """The tokens were made by another model than the given one."""


@dataclass(frozen=True, eq=False)
class TokenFile:
    """A stream of tokens with the metadata to decode it.

    Attributes:
        tokens: uint16 (T,), T = ceil(num_samples / hop_length), each below 2**bits.  Any integer
            dtype is accepted; a read-only uint16 copy is kept.
        model_id: 16 lower-case hexadecimal digits, the id of the model that made the tokens.
        sample_rate: of the speech, in Hz.
        hop_length: samples for one token.
        num_samples: length of the speech in samples.
        bits: per token, 1 to 16.

    Raises:
        TokenFileError: a value is out of range, or they do not belong together.
    """

    tokens: NDArray[np.uint16]
    model_id: str
    sample_rate: int
    hop_length: int
    num_samples: int
    bits: int = 16

    def __post_init__(self) -> None:
        """Checks every field."""
        if not (isinstance(self.model_id, str) and re.fullmatch("[0-9a-f]{16}", self.model_id)):
            raise TokenFileError(
                f"model_id must be 16 lower-case hexadecimal digits, not {self.model_id!r}"
            )
        for name, most in (("sample_rate", 32), ("hop_length", 32), ("num_samples", 64)):
            value = _integer(name, getattr(self, name), 1, 2**most - 1)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "bits", _check_bits(self.bits))
        tokens = _check_tokens(self.tokens, self.bits)
        tokens.setflags(write=False)
        object.__setattr__(self, "tokens", tokens)
        _check_count(len(tokens), self.num_samples, self.hop_length)

    @property
    def frame_rate(self) -> float:
        """Tokens per second of speech."""
        return self.sample_rate / self.hop_length

    @property
    def bitrate(self) -> float:
        """Bits per second of speech, the payload alone."""
        return self.bits * self.frame_rate

    @property
    def duration(self) -> float:
        """Length of the speech in seconds."""
        return self.num_samples / self.sample_rate


def pack(tokens: ArrayLike, bits: int) -> bytes:
    """Packs tokens at `bits` bits each, most significant bit first.

    Args:
        tokens: integers (T,), each in 0..2**bits - 1.
        bits: 1 to 16.

    Returns:
        ceil(T * bits / 8) bytes; the unused low bits of the last one are zero.

    Raises:
        TokenFileError: a token does not fit, or `bits` is out of range.
    """
    bits = _check_bits(bits)
    octets = _check_tokens(tokens, bits).astype(">u2").view(np.uint8).reshape(-1, 2)
    return b"".join(
        np.packbits(np.unpackbits(part, axis=1)[:, 16 - bits :]).tobytes()
        for part in np.split(octets, range(_UNPACKED, len(octets), _UNPACKED))
    )


def unpack(payload: bytes, bits: int, count: int) -> NDArray[np.uint16]:
    """The inverse of `pack`: `count` tokens, uint16 (count,).

    Raises:
        TokenFileError: the payload has another length than `count` tokens take, or the unused bits
            of its last byte are not zero.
    """
    bits = _check_bits(bits)
    size = _payload_size(count, bits)
    if len(payload) != size:
        raise TokenFileError(
            f"{count} tokens of {bits} bits take {size} bytes, but there are {len(payload)}"
        )
    octets = np.frombuffer(payload, np.uint8)
    spare = 8 * size - count * bits
    if spare and octets[-1] & ((1 << spare) - 1):
        raise TokenFileError("damaged: the bits after the last token are not zero")
    tokens = np.empty(count, np.uint16)
    for start in range(0, count, _UNPACKED):  # bit by bit, they take eight times the memory
        part = tokens[start : start + _UNPACKED]
        first = start * bits // 8
        flat = np.unpackbits(octets[first : first + _payload_size(len(part), bits)])
        wide = np.zeros((len(part), 16), np.uint8)
        wide[:, 16 - bits :] = flat[: len(part) * bits].reshape(len(part), bits)
        part[:] = np.packbits(wide, axis=1).view(">u2").reshape(len(part))
    return tokens


def dumps(token_file: TokenFile, coder: entropy.Coder | None = None) -> bytes:
    """Returns the bytes of a token file, compact (version 2) if there is a coder.

    Raises:
        ValueError: the coder is that of another model, or there are more tokens than can be read.
    """
    _check_most(len(token_file.tokens), _payload_size(len(token_file.tokens), token_file.bits))
    header = _HEADER.pack(
        MAGIC,
        CODED if coder else PACKED,
        token_file.bits,
        bytes.fromhex(token_file.model_id),
        token_file.sample_rate,
        token_file.hop_length,
        token_file.num_samples,
        len(token_file.tokens),
    )
    if coder is None:
        body = header + pack(token_file.tokens, token_file.bits)
        return body + _CRC.pack(zlib.crc32(body))
    if coder.prior.model_id != token_file.model_id:
        raise ValueError(
            f"the prior of model {coder.prior.model_id} does not know the tokens of model "
            f"{token_file.model_id}"
        )
    header += _PRIOR.pack(bytes.fromhex(coder.prior.id))
    return header + _CRC.pack(zlib.crc32(header)) + coder.encode(token_file.tokens)


def loads(data: bytes, find: Coders = entropy.find) -> TokenFile:
    """Returns the token file whose bytes `dumps` returned; `find` as in `read`.

    Raises:
        entropy.UnknownPriorError: as `read`.
        TokenFileError: the bytes are not one whole, undamaged token file.
    """
    return _load(io.BytesIO(data), len(data), find)[0]


def num_tokens(data: bytes) -> int:
    """Number of tokens in what `dumps` returned, according to the header.

    Raises:
        TokenFileError: it does not start with the header of a token file.
    """
    return int(_unpack(data[: _HEADER.size])[-1])


def write(
    path: str | os.PathLike[str], token_file: TokenFile, coder: entropy.Coder | None = None
) -> None:
    """Writes what `dumps` returns; nothing half-written remains on failure.

    Raises:
        OSError: it cannot be written.
        ValueError: as `dumps`.
    """
    files.write(path, dumps(token_file, coder))


def read(
    source: str | os.PathLike[str] | BinaryIO,
    model_id: str | None = None,
    find: Coders = entropy.find,
) -> TokenFile:
    """Reads a token file.

    No more is read, or kept in memory, than the header announces and the file really holds.

    Args:
        source: a path, or an open binary file (`sys.stdin.buffer`), read from its position to its
            end.
        model_id: if given, the tokens must have been made by this model.
        find: returns the coder of compact tokens, given the id of its prior.

    Raises:
        entropy.UnknownPriorError: `find` does not find the coder of compact tokens.
        OtherModelError: the tokens were made by another model than `model_id`.
        TokenFileError: this is not one whole, undamaged token file.
        OSError: it cannot be read.
    """
    return _read(source, model_id, find, damaged=False)[0]


def recover(
    source: str | os.PathLike[str] | BinaryIO,
    model_id: str | None = None,
    find: Coders = entropy.find,
) -> tuple[TokenFile, list[range]]:
    """Reads the undamaged blocks of a compact token file; of a plain one, all or nothing.

    Returns:
        The token file, with zeros for the lost tokens, and their positions, a range for each
        damaged block.

    Raises:
        As `read`; also TokenFileError if almost nothing is left.
    """
    return _read(source, model_id, find, damaged=True)


def _read(
    source: str | os.PathLike[str] | BinaryIO, model_id: str | None, find: Coders, damaged: bool
) -> tuple[TokenFile, list[range]]:
    opened = open(source, "rb") if isinstance(source, str | os.PathLike) else nullcontext(source)
    with opened as file:
        name = getattr(file, "name", "token file")
        try:
            token_file, lost = _load(file, remaining(file), find, damaged)
        except (TokenFileError, entropy.UnknownPriorError) as error:
            raise type(error)(f"{name}: {error}") from None
    if model_id is not None and token_file.model_id != model_id:
        raise OtherModelError(
            f"{name}: made by model {token_file.model_id}, but this is model {model_id}; "
            "decode it with the model that made it"
        )
    return token_file, lost


def _load(
    file: BinaryIO, size: int | None, find: Coders, damaged: bool = False
) -> tuple[TokenFile, list[range]]:
    """Reads a token file of `size` bytes, None if that is not known; see `read` and `recover`."""
    header = take(file, _HEADER.size)
    _, version, bits, model_id, sample_rate, hop_length, num_samples, count = _unpack(header)
    if version == CODED:
        tokens, lost = _load_coded(file, size, header, count, bits, find, damaged)
    else:
        tokens, lost = _load_packed(file, size, header, count, bits), []
    return TokenFile(tokens, model_id.hex(), sample_rate, hop_length, num_samples, bits), lost


def _unpack(header: bytes) -> tuple[Any, ...]:
    """The fields of a header."""
    if not MAGIC.startswith(header[: len(MAGIC)]) or not header:
        raise TokenFileError("not a token file (.atok)")
    if len(header) < _HEADER.size:
        raise TokenFileError("cut short: the header is not complete")
    fields = _HEADER.unpack(header)
    _, version, bits, _, _, hop_length, num_samples, count = fields
    if version not in (PACKED, CODED):
        raise TokenFileError(
            f"version {version} of the layout, but this program knows versions {PACKED} and "
            f"{CODED} only"
        )
    # All counts are checked against each other and the size before anything is allocated.
    _check_bits(bits)
    _integer("hop_length", hop_length, 1, 2**32 - 1)
    _check_count(count, num_samples, hop_length)
    return fields


def _load_packed(
    file: BinaryIO, size: int | None, header: bytes, count: int, bits: int
) -> NDArray[np.uint16]:
    """Reads what follows the header in version 1."""
    payload_size = _payload_size(count, bits)
    whole = _HEADER.size + payload_size + _CRC.size
    if size is not None and size != whole:
        what = "cut short" if size < whole else "too long"
        raise TokenFileError(f"{what}: its header announces {whole} bytes, it has {size}")
    if size is not None:
        _check_most(count, payload_size)
    payload = take(file, min(payload_size, MOST_BYTES + 1))
    check = take(file, _CRC.size)
    if len(payload) <= MOST_BYTES and len(payload) + len(check) < payload_size + _CRC.size:
        found = _HEADER.size + len(payload) + len(check)
        raise TokenFileError(f"cut short: its header announces {whole} bytes, it has {found}")
    _check_most(count, payload_size)
    if file.read(1):
        raise TokenFileError(f"too long: its header announces {whole} bytes, but more follow")
    if _CRC.unpack(check)[0] != zlib.crc32(payload, zlib.crc32(header)):
        raise TokenFileError("damaged: the checksum does not match")
    return unpack(payload, bits, count)


def _load_coded(
    file: BinaryIO,
    size: int | None,
    header: bytes,
    count: int,
    bits: int,
    find: Coders,
    damaged: bool,
) -> tuple[NDArray[np.uint16], list[range]]:
    """Reads what follows the header in version 2."""
    more = take(file, _PRIOR.size + _CRC.size)
    if len(more) < _PRIOR.size + _CRC.size:
        raise TokenFileError("cut short: the header is not complete")
    prior, check = more[: _PRIOR.size], more[_PRIOR.size :]
    if _CRC.unpack(check)[0] != zlib.crc32(prior, zlib.crc32(header)):
        raise TokenFileError("damaged: the checksum of the header does not match")
    _check_most(count, _payload_size(count, bits))
    most = min(_MOST * count, MOST_BYTES)
    if size is not None and size - _HEADER.size - len(more) > most:
        raise TokenFileError(f"too long: {count} tokens take less than the {size} bytes it has")
    data = take(file, most + 1)
    if len(data) > most:
        raise TokenFileError(f"too long: {count} tokens take less than what it has")
    try:
        coder = find(prior.hex())
        if coder.prior.bits != bits:
            raise TokenFileError(f"its prior is of {coder.prior.bits} bits, it has {bits}")
        if damaged:
            return coder.recover(data, count)
        return coder.decode(data, count), []
    except entropy.DamagedError as error:
        raise TokenFileError(str(error)) from None


def remaining(file: BinaryIO) -> int | None:
    """Bytes from the position of a file to its end; None for pipes and other irregular files."""
    try:
        status = os.fstat(file.fileno())
        return status.st_size - file.tell() if stat.S_ISREG(status.st_mode) else None
    except (AttributeError, OSError):  # a file-like object
        return None


def take(file: BinaryIO, count: int) -> bytes:
    """Reads `count` bytes, fewer only at the end of the file, without allocating more memory."""
    pieces = []
    while count and (piece := file.read(min(count, _PIECE))):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _payload_size(count: int, bits: int) -> int:
    return -(-count * bits // 8)


def _check_most(count: int, size: int) -> None:
    if size > MOST_BYTES:
        raise TokenFileError(
            f"its {count} tokens would take {size} bytes; at most {MOST_BYTES} are read"
        )


def _check_count(count: int, num_samples: int, hop_length: int) -> None:
    expected = -(-num_samples // hop_length)
    if num_samples < 1 or count != expected:
        raise TokenFileError(
            f"{num_samples} samples at {hop_length} a token make {expected} tokens (at least 1), "
            f"not {count}"
        )


def _check_bits(bits: int) -> int:
    return _integer("bits", bits, 1, 16)


def _check_tokens(tokens: ArrayLike, bits: int) -> NDArray[np.uint16]:
    try:
        return check_tokens(tokens, bits).astype(np.uint16)
    except ValueError as error:
        raise TokenFileError(str(error)) from None


def _integer(name: str, value: int, least: int, most: int) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TokenFileError(f"{name} must be an integer, not {value!r}") from None
    if not least <= number <= most:
        raise TokenFileError(f"{name} must lie in {least}..{most}, not {number}")
    return number
