"""A clip of a corpus, and the metadata and row schema shared by all its shards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray

from audiotok_jax import entropy
from audiotok_jax.tokenfile import Coders, TokenFile


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


class Layout(NamedTuple):
    """Metadata and row schema shared by all shards of a corpus.

    Attributes:
        about: model_id, sample_rate, hop_length, bits and version, ready for JSON.
        columns: names of `Entry.columns`.
        coder: the entropy coder for writing compact tokens.
        find: gives the coder for reading compact tokens, as in `tokenfile.read`.
    """

    about: dict[str, Any]
    columns: Sequence[str]
    coder: entropy.Coder | None = None
    find: Coders = entropy.find

    def schema(self, payload: list[pyarrow.Field]) -> pyarrow.Schema:
        """Schema of a table of clips, whose tokens are in the fields `payload`."""
        fields = [
            *(pyarrow.field(name, pyarrow.string()) for name in ("id", "path", *self.columns)),
            pyarrow.field("sample_rate", pyarrow.int32()),
            pyarrow.field("num_samples", pyarrow.int64()),
            *payload,
        ]
        prior = {"prior": self.coder.prior.id} if self.coder else {}
        about = json.dumps(self.about | prior, sort_keys=True)
        return pyarrow.schema(fields, metadata={"audiotok": about})

    def row(self, entry: Entry) -> dict[str, Any]:
        """A row of such a table, without its payload."""
        return {
            **entry.columns,
            "id": entry.id,
            "path": entry.path,
            "sample_rate": entry.sample_rate,
            "num_samples": entry.num_samples,
        }

    def entry(self, row: dict[str, Any], tokens: NDArray[np.uint16]) -> Entry:
        """The clip of such a row."""
        columns = {name: row[name] for name in self.columns}
        return Entry(
            row["id"], row["path"], row["sample_rate"], row["num_samples"], tokens, columns
        )


def token_file(entry: Entry, about: Mapping[str, Any]) -> TokenFile:
    """The token file of a clip, from `Layout.about`."""
    model_id, hop_length, bits = (about[name] for name in ("model_id", "hop_length", "bits"))
    return TokenFile(entry.tokens, model_id, entry.sample_rate, hop_length, entry.num_samples, bits)
