"""Row schema shared by all shards of an export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from audiotok_jax.corpus.entry import Entry
from audiotok_jax.corpus.language_models.spelling import Spelling

OWN = ("id", "num_samples", "seconds", "tokens")
"""Fields that every row has; an input column with such a name is prefixed with `input_`."""


class Layout(NamedTuple):
    """Row schema shared by all shards of an export.

    Attributes:
        columns: names of `Entry.columns`.
        spelling: of tokens.
        bits: of a token.
    """

    columns: Sequence[str]
    spelling: Spelling
    bits: int

    @property
    def dtype(self) -> np.dtype[np.uint16 | np.int32]:
        """Data type of ids."""
        return self.spelling.dtype(self.bits)

    @property
    def fields(self) -> dict[str, str]:
        """Names and types of the fields of a row, without tokens."""
        texts = {name: "string" for name in ("id", *map(_field, self.columns))}
        return texts | {"num_samples": "int64", "seconds": "float64"}

    def row(self, entry: Entry) -> dict[str, Any]:
        """The fields of a clip, without tokens."""
        return {
            "id": entry.id,
            **{_field(name): text for name, text in entry.columns.items()},
            "num_samples": entry.num_samples,
            "seconds": entry.num_samples / entry.sample_rate,
        }


def _field(column: str) -> str:
    return f"input_{column}" if column in OWN else column
