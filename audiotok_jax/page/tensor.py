"""Tokens in the format in which PyTorch prints a tensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LINE = 80  # characters, the default of torch.set_printoptions


def printed(tokens: NDArray[np.uint16]) -> str:
    """The output of `print(tensor)` for tokens as an int64 tensor (1, T), without elision.

    Args:
        tokens: integers (T,), T >= 1, none below 0.
    """
    width = len(str(tokens.max()))
    cells = [f"{token:{width}}" for token in tokens.tolist()]
    opening = "tensor([["
    count = (_LINE - len(opening) + 1) // (width + len(", "))
    lines = [", ".join(cells[i : i + count]) for i in range(0, len(cells), count)]
    return opening + (",\n" + " " * len(opening)).join(lines) + "]])"
