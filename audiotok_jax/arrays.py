"""Conversion of arrays of other libraries to NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def to_numpy(values: ArrayLike) -> NDArray[Any]:
    """Like `numpy.asarray`; PyTorch tensors may be on any device and require gradients."""
    detach = getattr(values, "detach", None)
    return np.asarray(values if detach is None else detach().cpu())
