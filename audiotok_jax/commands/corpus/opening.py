"""Opening a corpus on the command line, which tells in a line that it is not finished."""

from __future__ import annotations

import warnings

from audiotok_jax.corpus.reading import Corpus
from audiotok_jax.jobs import tell


def open_corpus(path: str, model: str | None = None) -> Corpus:
    """As `Corpus`."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        corpus = Corpus(path, model)
    for warning in said:
        tell(str(warning.message))
    return corpus
