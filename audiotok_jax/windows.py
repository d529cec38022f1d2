"""Cutting of a stream of any length into windows of one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def cut(
    chunks: Iterable[NDArray[Any]], size: int, halo: tuple[int, int], fill: float
) -> Iterator[tuple[NDArray[Any], int]]:
    """Cuts a stream into windows that overlap by a halo, on a grid that starts with the stream.

    In constant memory; a window is yielded as soon as the last unit of its halo has arrived.

    Args:
        chunks: arrays (n,) of one dtype, n >= 0; they may be of any lengths.
        size: units (samples or tokens) in the middle of a window, at least 1.
        halo: units before and after the middle, at least 0 each.
        fill: value of the stream before its start and after its end.

    Yields:
        A new array (size + sum(halo),) and the number of units of the stream in its middle: `size`,
        or 1 to `size` in the last window. Nothing if the stream is empty.
    """
    left, right = halo
    length = left + size + right
    window = np.zeros(0)
    filled = 0  # of `window`, the halo before the stream included
    for chunk in chunks:
        if not filled:
            window = np.full(length, fill, chunk.dtype)
            filled = left
        while len(chunk):
            taken = chunk[: length - filled]
            window[filled : filled + len(taken)] = taken
            filled += len(taken)
            chunk = chunk[len(taken) :]
            if filled == length:
                yield window, size
                window = np.concatenate([window[size:], np.full(size, fill, window.dtype)])
                filled -= size
    while filled > left:
        yield window, min(size, filled - left)
        window = np.concatenate([window[size:], np.full(size, fill, window.dtype)])
        filled -= size
