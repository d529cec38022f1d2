"""One clip of a corpus of tokens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Entry(NamedTuple):
    """The tokens of a clip, and its metadata.

    Attributes:
        id: unique within the corpus.
        path: of its audio when the corpus was made.
        sample_rate: of the model, in Hz.
        num_samples: length of the speech at that rate.
        tokens: uint16 (T,), T = ceil(num_samples / hop length of the model).
        columns: other metadata of the input, as text; the same names for all clips of a corpus.
    """

    id: str
    path: str
    sample_rate: int
    num_samples: int
    tokens: NDArray[np.uint16]
    columns: dict[str, str]
