"""Arrays of other libraries as those of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def to_numpy(values: ArrayLike) -> NDArray[Any]:
    """As `numpy.asarray`; tensors of PyTorch may lie on any device, and in a graph of gradients."""
    detach = getattr(values, "detach", None)
    return np.asarray(values if detach is None else detach().cpu())
