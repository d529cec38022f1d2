"""Tokens in the three formats that the command line reads and writes: .atok, .npy and .json."""

from __future__ import annotations

import io
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import tokenfile
from audiotok_jax.tokenfile import OtherModelError, TokenFile, TokenFileError

if TYPE_CHECKING:
    from audiotok_jax.tokenizer import AudioTokenizer


def of_model(tokens: NDArray[Any], num_samples: int, tokenizer: AudioTokenizer) -> TokenFile:
    """Adds to tokens what `tokenizer`, which made them, says about itself."""
    return TokenFile(
        tokens=tokens,
        model_id=tokenizer.model_id,
        sample_rate=tokenizer.sample_rate,
        hop_length=tokenizer.hop_length,
        num_samples=num_samples,
        bits=tokenizer.bits,
    )


def read(path: Path, tokenizer: AudioTokenizer) -> TokenFile:
    """Reads a token file of any of the formats; its content, not its name, says which.

    Args:
        path: the file; "-" is standard input.
        tokenizer: the model that the tokens must be of.  An .npy file does not name one, nor the
            length of the speech: it is taken to fill the last token.

    Raises:
        OtherModelError: the tokens are of another model.
        TokenFileError: not a whole, undamaged file of tokens.
        OSError: the disk does not give it.
    """
    with _open(path) as file:
        name = file.name
        start = file.peek(1)[:1]
        try:
            if start == b"{":
                found = _load_json(file)
            elif start == b"\x93":
                tokens = _load_npy(file)
                found = of_model(tokens, len(tokens) * tokenizer.hop_length, tokenizer)
            else:
                found = tokenfile.read(file)
        except ValueError as error:
            # tokenfile.read names the file, the others do not.
            raise TokenFileError(f"{name}: {str(error).removeprefix(f'{name}: ')}") from None
    expected = of_model(found.tokens[:1], 1, tokenizer)
    for field in ("model_id", "sample_rate", "hop_length", "bits"):
        theirs, ours = getattr(found, field), getattr(expected, field)
        if theirs != ours:
            raise OtherModelError(
                f"{name}: made by another model ({field} {theirs}, here {ours}); "
                "name the one that made it with --model"
            )
    return found


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


DUMPS = {".atok": tokenfile.dumps, ".npy": dump_npy, ".json": dump_json}
"""What turns a token file into bytes, by suffix."""


def _open(path: Path) -> AbstractContextManager[io.BufferedReader]:
    if str(path) == "-":
        return nullcontext(cast(io.BufferedReader, sys.stdin.buffer))
    return open(path, "rb")


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
    data = file.read()
    if not shape[0] or len(data) != shape[0] * dtype.itemsize:
        raise TokenFileError(f"its header announces {shape[0]} tokens, it has {len(data)} bytes")
    return np.frombuffer(data, dtype)


def _load_json(file: BinaryIO) -> TokenFile:
    try:
        fields = json.loads(file.read())
    except (ValueError, RecursionError):
        raise TokenFileError("damaged: not JSON") from None
    names = ("tokens", "model_id", "sample_rate", "hop_length", "num_samples", "bits")
    missing = [name for name in names if name not in fields]
    if missing:
        raise TokenFileError(f"lacks {', '.join(missing)}")
    return TokenFile(**{name: fields[name] for name in names})
