"""Parquet for Hugging Face: a row for each clip, its tokens a list of integers.

The metadata `huggingface` of the schema has the types of the columns, in the form of `datasets`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from audiotok_jax.corpus.formats.parquet import RowGroups
from audiotok_jax.corpus.language_models.layout import Layout

INTEGERS = True
USAGE = """\
from pathlib import Path

from datasets import load_dataset

from audiotok_jax import AudioTokenizer, corpus

rows = load_dataset(str(Path.cwd()), split="train").with_format("torch")
ids = rows[0]["tokens"]  # int64 (T,)

tokenizer = AudioTokenizer.from_pretrained("{model}")
wave = tokenizer.decode(corpus.Vocabulary({offset}).tokens(ids))"""


class Writer(RowGroups):
    """Writes one shard; see `language_models`."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._vocabulary = layout.spelling.vocabulary
        super().__init__(path, _schema(layout))

    def add(self, number: int, row: dict[str, Any], tokens: NDArray[np.uint16]) -> None:
        """Appends a clip."""
        self.append(row | {"tokens": self._vocabulary.ids(tokens)}, len(tokens))


def features(layout: Layout) -> dict[str, Any]:
    """The types of the columns, in the JSON of `datasets.Features`."""
    ids = {"dtype": layout.dtype.name, "_type": "Value"}
    return {
        **{name: {"dtype": kind, "_type": "Value"} for name, kind in layout.fields.items()},
        "tokens": {"feature": ids, "_type": "List"},
    }


def _schema(layout: Layout) -> pyarrow.Schema:
    kinds = {name: pyarrow.type_for_alias(kind) for name, kind in layout.fields.items()}
    kinds["tokens"] = pyarrow.list_(pyarrow.from_numpy_dtype(layout.dtype))
    told = json.dumps({"info": {"features": features(layout)}})
    return pyarrow.schema(kinds, metadata={"huggingface": told})
