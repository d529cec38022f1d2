"""Cutting of a stream of any length into windows of one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def cut(
    chunks: Iterable[NDArray[Any]], size: int, halo: tuple[int, int], fill: int
) -> Iterator[tuple[NDArray[Any], int]]:
    """Cuts a stream into windows that overlap by a halo, on a grid that starts with the stream.

    Args:
        chunks: arrays (n,) of one dtype, n >= 0.
        size: units in the middle of a window.
        halo: units before and after it.
        fill: value of the stream before its start and after its end.

    Yields:
        An array (size + sum(halo),), and how many units of the stream its middle holds. Nothing if
        the stream is empty.
    """
    left, right = halo
    waiting = np.zeros(0)
    started = False
    for chunk in chunks:
        if not started:
            waiting = np.full(left, fill, chunk.dtype)
            started = True
        waiting = np.concatenate([waiting, chunk])
        while len(waiting) >= left + size + right:
            yield waiting[: left + size + right], size
            waiting = waiting[size:]
    while started and len(waiting) > left:
        padded = np.full(left + size + right, fill, waiting.dtype)
        padded[: len(waiting)] = waiting
        yield padded, min(size, len(waiting) - left)
        waiting = waiting[size:]
