"""Reading and writing of tokens as .atok, .npy and .json; reading of printed PyTorch tensors."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import entropy, jsonfile, tokenfile
from audiotok_jax.formats import TOKENS
from audiotok_jax.tokenfile import Coders, OtherModelError, TokenFile, TokenFileError
from audiotok_jax.tokens import check_tokens

if TYPE_CHECKING:
    from audiotok_jax.tokenizer import AudioTokenizer

_TEXT = 2**26  # largest size of JSON or printed tensors; reading them takes ten times as much


def of_model(tokens: NDArray[Any], num_samples: int, tokenizer: AudioTokenizer) -> TokenFile:
    """Labels tokens with the properties of the tokenizer that made them."""
    return TokenFile(
        tokens=tokens,
        model_id=tokenizer.model_id,
        sample_rate=tokenizer.sample_rate,
        hop_length=tokenizer.hop_length,
        num_samples=num_samples,
        bits=tokenizer.bits,
    )


def read(path: Path, tokenizer: AudioTokenizer, find: Coders = entropy.find) -> TokenFile:
    """Reads a token file of any of the formats; its content, not its name, says which.

    Args:
        path: the file; "-" is standard input.
        tokenizer: the model that must have made the tokens.  An .npy file does not name it, nor the
            length of the speech, which is assumed to fill the last token.
        find: as in `tokenfile.read`.

    Raises:
        OtherModelError: the tokens are of another model.
        TokenFileError: not a whole, undamaged file of tokens.
        OSError: it cannot be read.
    """
    return _read(path, tokenizer, lambda file: (tokenfile.read(file, find=find), []))[0]


def recover(
    path: Path, tokenizer: AudioTokenizer, find: Coders = entropy.find
) -> tuple[TokenFile, list[range]]:
    """Like `read`, but recovers what is left of a damaged compact file; see `tokenfile.recover`."""
    return _read(path, tokenizer, lambda file: tokenfile.recover(file, find=find))


def _read(
    path: Path, tokenizer: AudioTokenizer, load: Callable[[BinaryIO], tuple[TokenFile, list[range]]]
) -> tuple[TokenFile, list[range]]:
    lost: list[range] = []
    with _open(path) as file:
        name = file.name
        start = file.peek(1)[:1]
        if start == b"{":
            found = _load_json(file)
        elif start == b"\x93":
            tokens = _load_npy(file)
            found = of_model(tokens, len(tokens) * tokenizer.hop_length, tokenizer)
        else:
            found, lost = load(file)
    expected = of_model(found.tokens[:1], 1, tokenizer)
    for field in ("model_id", "sample_rate", "hop_length", "bits"):
        theirs, ours = getattr(found, field), getattr(expected, field)
        if theirs != ours:
            raise OtherModelError(
                f"{name}: made by another model ({field} {theirs}, here {ours}); "
                "name the one that made it with --model"
            )
    return found, lost


def read_streams(
    path: Path, bits: int = 16, find: Coders = entropy.find
) -> list[NDArray[np.int64]]:
    """Reads only the tokens, of any model, including those that other systems publish.

    Args:
        path: a file of any of the formats, or text with tensors as PyTorch prints them, each a
            stream: `tensor([[ 9071, 22264, ...]], device='cuda:0')`; "-" is standard input.
        bits: per token; formats that store it must agree.
        find: as in `tokenfile.read`.

    Returns:
        One int64 (T,) or, from printed tensors, several; T >= 1.

    Raises:
        TokenFileError: not a whole, undamaged file of tokens of that many bits.
        OSError: it cannot be read.
    """
    with _open(path) as file:
        start = file.peek(1)[:1]
        if start == b"\x93":
            streams = [_load_npy(file)]
        elif start in (b"{", tokenfile.MAGIC[:1]):
            found = _load_json(file) if start == b"{" else tokenfile.read(file, find=find)
            if found.bits != bits:
                raise TokenFileError(f"its tokens have {found.bits} bits, not {bits}; see --bits")
            streams = [found.tokens]
        else:
            streams = _load_printed(file)
        return [check_tokens(tokens, bits).astype(np.int64) for tokens in streams]


def dump_npy(token_file: TokenFile) -> bytes:
    """The tokens alone, uint16 (T,), as `numpy.load` reads them."""
    buffer = io.BytesIO()
    np.save(buffer, token_file.tokens, allow_pickle=False)
    return buffer.getvalue()


def dump_json(token_file: TokenFile) -> bytes:
    """One JSON object."""
    fields = {
        "model_id": token_file.model_id,
        "sample_rate": token_file.sample_rate,
        "frame_rate": token_file.frame_rate,
        "hop_length": token_file.hop_length,
        "bits": token_file.bits,
        "num_samples": token_file.num_samples,
        "tokens": token_file.tokens.tolist(),
    }
    return json.dumps(fields).encode() + b"\n"


DUMPS = dict(zip(TOKENS, (tokenfile.dumps, dump_npy, dump_json), strict=True))
"""Serializers of token files, by suffix."""


@contextmanager
def _open(path: Path) -> Iterator[io.BufferedReader]:
    """Opens a file, or standard input, and puts its name into the errors of the block."""
    stdin = nullcontext(cast(io.BufferedReader, sys.stdin.buffer))
    with stdin if str(path) == "-" else open(path, "rb") as file:
        try:
            yield file
        except ValueError as error:
            # tokenfile.read names the file, the others do not.
            message = str(error).removeprefix(f"{file.name}: ")
            raise TokenFileError(f"{file.name}: {message}") from None


def _take(file: BinaryIO, most: int) -> bytes:
    """The rest of a file; TokenFileError if that is more than `most` bytes."""
    if (tokenfile.remaining(file) or 0) <= most:
        data = tokenfile.take(file, most + 1)
        if len(data) <= most:
            return data
    raise TokenFileError(f"too long: at most {most} bytes of tokens are read")


def _load_npy(file: BinaryIO) -> NDArray[Any]:
    """Reads by hand, as `numpy.load` allocates what a damaged header announces."""
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    except Exception:  # what a damaged header raises is not limited to ValueError
        raise TokenFileError("damaged: not the header of an .npy file") from None
    if len(shape) != 1 or dtype.kind not in "iu":
        raise TokenFileError(f"tokens must be integers of shape (T,), not {dtype} of {shape}")
    announced = shape[0] * dtype.itemsize
    size = tokenfile.remaining(file)
    if size is None or size == announced:
        data = _take(file, tokenfile.MOST_BYTES)
        size = len(data)
    if not size or size != announced:
        raise TokenFileError(f"its header announces {shape[0]} tokens, it has {size} bytes")
    return np.frombuffer(data, dtype)


def _load_json(file: BinaryIO) -> TokenFile:
    text = _take(file, _TEXT)
    try:
        fields = jsonfile.parse(text)
    except ValueError as error:
        raise TokenFileError(f"damaged: not JSON: {error}") from None
    names = ("tokens", "model_id", "sample_rate", "hop_length", "num_samples", "bits")
    missing = [name for name in names if name not in fields]
    if missing:
        raise TokenFileError(f"lacks {', '.join(missing)}")
    tokens = fields["tokens"]
    if not isinstance(tokens, list) or any(type(token) is not int for token in tokens):
        raise TokenFileError("tokens must be integers of shape (T,), in a list")
    return TokenFile(**{name: fields[name] for name in names})


def _load_printed(file: BinaryIO) -> list[NDArray[Any]]:
    text = _take(file, _TEXT).decode(errors="replace")
    # What PyTorch adds after the numbers, such as size=(1, 0), may hold further parentheses.
    printed = [re.split("[()]", body)[0] for body in re.split(r"\btensor\(", text)[1:]]
    if not printed:
        raise TokenFileError("neither .atok, .npy, .json nor text with a printed tensor([...])")
    return [_parse_tensor(body, f"tensor {n}") for n, body in enumerate(printed, 1)]


def _parse_tensor(body: str, name: str) -> NDArray[Any]:
    """The integers (T,) of a tensor, from what is printed inside the parentheses of `tensor()`."""
    if "..." in body:
        raise TokenFileError(
            f"{name} is elided (...); print it whole: torch.set_printoptions(threshold=10**9)"
        )
    numbers = body[: body.rfind("]") + 1]
    try:
        if re.search("[A-Za-z]", numbers):  # true and false would be 1 and 0 among integers
            raise ValueError
        tokens = np.array(json.loads(numbers))
    except (ValueError, RecursionError):
        raise TokenFileError(f"{name} is not a whole list of integers") from None
    if not tokens.size:
        raise TokenFileError(f"{name} is empty")
    if tokens.dtype.kind not in "iu" or tokens.size != tokens.shape[-1]:
        raise TokenFileError(
            f"{name} must be integers of shape (T,) or (1, T), not {tokens.dtype} of {tokens.shape}"
        )
    return tokens.ravel()
