"""Validation of tokens, and their forms for language models: signs and text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiotok_jax.arrays import to_numpy

if TYPE_CHECKING:
    import jax

Array = TypeVar("Array", "NDArray[Any]", "jax.Array")

_NAME = re.compile(r"<\|s_(\d{1,10})\|>", re.ASCII)


def check_tokens(tokens: ArrayLike, bits: int) -> NDArray[Any]:
    """Returns tokens, integers (T,) or (1, T), as an array (T,) of any integer dtype, T >= 0.

    Raises:
        ValueError: they have another shape, are not integers, or one is not in 0..2**bits - 1.
    """
    try:
        array = to_numpy(tokens)
    except ValueError as error:  # lists of unequal lengths
        raise ValueError(f"tokens must be integers of shape (T,): {error}") from None
    if array.ndim == 2 and len(array) == 1:
        array = array[0]
    if array.ndim != 1:
        raise ValueError(f"tokens must be integers of shape (T,) or (1, T), not {array.shape}")
    if tokens is not array and not len(array):  # an empty list makes an array of floats
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iu":
        raise ValueError(f"tokens must be integers, not {array.dtype}")
    if len(array) and (array.min() < 0 or array.max() >= 2**bits):
        raise ValueError(
            f"tokens of {bits} bits must lie in 0..{2**bits - 1}, not {array.min()}..{array.max()}"
        )
    return array


def signs(tokens: Array, bits: int) -> Array:
    """The bits of tokens as signs: integers (...) to float32 (..., bits), 1 and -1.

    A linear layer on 16 signs embeds 65,536 tokens with 16 rows, and tokens that differ in one bit,
    which are neighbours for the codec, get similar embeddings; a table with 65,536 rows has to
    learn each of them separately. Coordinate k is bit k, of value `2 ** k`.

    Args:
        tokens: a NumPy or JAX array, as is the result; in 0..2**bits - 1, which is not checked.
        bits: per token.
    """
    places = np.arange(bits, dtype=tokens.dtype).reshape((1,) * tokens.ndim + (bits,))
    return 2 * (tokens[..., None] >> places & 1).astype(np.float32) - 1


def to_text(tokens: ArrayLike, offset: int = 0) -> str:
    """Names of tokens (T,), `<|s_N|>` as in Llasa (Ye et al. 2025); N is the token + `offset`."""
    return "".join(f"<|s_{token + offset}|>" for token in np.asarray(tokens).tolist())


def from_text(text: str, offset: int = 0) -> NDArray[np.uint16]:
    """The tokens, uint16 (T,), whose names are in a text; other parts of the text are ignored.

    Raises:
        ValueError: one is not in `offset`..`offset` + 65535.
    """
    tokens = np.array(_NAME.findall(text), np.int64) - offset
    if len(tokens) and (tokens.min() < 0 or tokens.max() >= 2**16):
        raise ValueError(
            f"token names must lie in {offset}..{offset + 2**16 - 1}, not "
            f"{tokens.min() + offset}..{tokens.max() + offset}"
        )
    return tokens.astype(np.uint16)
