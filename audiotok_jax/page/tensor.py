"""Tokens as PyTorch prints a whole tensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LINE = 80  # characters, as torch.set_printoptions has it


def printed(tokens: NDArray[np.uint16]) -> str:
    """What `print(tensor)` shows of the tokens as an int64 tensor of shape (1, T), nothing elided.

    Args:
        tokens: integers (T,), T >= 1, none below 0.
    """
    width = len(str(tokens.max()))
    cells = [f"{token:{width}}" for token in tokens.tolist()]
    opening = "tensor([["
    count = (_LINE - len(opening) + 1) // (width + len(", "))
    lines = [", ".join(cells[i : i + count]) for i in range(0, len(cells), count)]
    return opening + (",\n" + " " * len(opening)).join(lines) + "]])"
