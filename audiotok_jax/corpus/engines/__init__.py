"""Engines that encode the windows of a corpus: on this machine, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Coded(NamedTuple):
    """The tokens of a window.

    Attributes:
        clip: number of the clip in the plan.
        tokens: uint16 (n,), n >= 0.
        samples, last, error: see `decoding.Piece`.
    """

    clip: int
    tokens: NDArray[np.uint16]
    samples: int
    last: bool
    error: str


class Done(NamedTuple):
    """The result of encoding a clip.

    Attributes:
        clip: its number in the plan.
        tokens: uint16 (T,).
        num_samples: at the rate of the model.
        error: why there are no tokens, or "".
    """

    clip: int
    tokens: NDArray[np.uint16]
    num_samples: int
    error: str


def join(windows: Iterable[Coded]) -> Iterator[Done]:
    """Joins windows, which are in the order of the plan, into clips."""
    tokens: list[NDArray[np.uint16]] = []
    samples = 0
    for window in windows:
        tokens.append(window.tokens)
        samples += window.samples
        if window.last:
            yield Done(window.clip, np.concatenate(tokens), samples, window.error)
            tokens, samples = [], 0
