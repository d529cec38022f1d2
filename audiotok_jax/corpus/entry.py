"""One clip of a corpus of tokens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Entry(NamedTuple):
    """The tokens of a clip, and what is known of it.

    Attributes:
        id: names it within the corpus.
        path: where its audio was.
        sample_rate: of the model, in Hz.
        num_samples: length of the speech at that rate.
        tokens: uint16 (T,), T = ceil(num_samples / hop length of the model).
        columns: what else the input said of it, as text; every clip of a corpus has the same names.
    """

    id: str
    path: str
    sample_rate: int
    num_samples: int
    tokens: NDArray[np.uint16]
    columns: dict[str, str]
