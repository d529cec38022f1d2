"""What all shards of a corpus share, whatever their format."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray

from audiotok_jax.corpus.entry import Entry


class Layout(NamedTuple):
    """What all shards of a corpus share.

    Attributes:
        about: model_id, sample_rate, hop_length, bits and version, ready for JSON.
        columns: names of `Entry.columns`.
        pack: the entropy coder, where tokens are to be stored compactly.
    """

    about: dict[str, Any]
    columns: Sequence[str]
    pack: Callable[[NDArray[np.uint16]], bytes] | None = None

    def schema(self, payload: list[pyarrow.Field]) -> pyarrow.Schema:
        """Of a table of clips, whose tokens are in the fields `payload`."""
        fields = [
            *(pyarrow.field(name, pyarrow.string()) for name in ("id", "path", *self.columns)),
            pyarrow.field("sample_rate", pyarrow.int32()),
            pyarrow.field("num_samples", pyarrow.int64()),
            *payload,
        ]
        about = json.dumps(self.about, sort_keys=True)
        return pyarrow.schema(fields, metadata={"audiotok": about})

    def row(self, entry: Entry) -> dict[str, Any]:
        """A row of that table, without its payload."""
        return {
            **entry.columns,
            "id": entry.id,
            "path": entry.path,
            "sample_rate": entry.sample_rate,
            "num_samples": entry.num_samples,
        }
