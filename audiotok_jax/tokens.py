"""What a stream of tokens is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def check_tokens(tokens: ArrayLike, bits: int) -> NDArray[Any]:
    """Returns tokens as an array of integers (T,), T >= 0, of any width.

    Raises:
        ValueError: they have another shape, are no integers, or one is not in 0..2**bits - 1.
    """
    try:
        array = np.asarray(tokens)
    except ValueError as error:  # lists of unequal lengths
        raise ValueError(f"tokens must be integers of shape (T,): {error}") from None
    if array.ndim != 1:
        raise ValueError(f"tokens must be integers of shape (T,), not {array.shape}")
    if tokens is not array and not len(array):  # an empty list makes an array of floats
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iu":
        raise ValueError(f"tokens must be integers, not {array.dtype}")
    if len(array) and (array.min() < 0 or array.max() >= 2**bits):
        raise ValueError(
            f"tokens of {bits} bits must lie in 0..{2**bits - 1}, not {array.min()}..{array.max()}"
        )
    return array
