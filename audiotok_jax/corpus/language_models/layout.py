"""How the tokens of a clip are written in a row for a language model, and its other fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import tokens as names
from audiotok_jax.corpus.formats import Entry
from audiotok_jax.corpus.sequences import Vocabulary

MOST = 2**31 - 2**16
"""Largest offset: larger ids do not fit into int32."""


@dataclass(frozen=True)
class Spelling:
    """Token t is written as t + `offset`, and each clip between a begin and an end marker.

    Attributes:
        offset: 0 or more; the ids of a text vocabulary come before it.
        begin: an id below `offset` in formats with integers, a name in those with text; None for no
            marker.
        end: likewise.

    Raises:
        ValueError: `offset` is negative, or too large.
    """

    offset: int = 0
    begin: int | str | None = None
    end: int | str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.offset <= MOST:
            raise ValueError(f"the offset must lie in 0..{MOST}, not {self.offset}")

    def dtype(self, bits: int) -> np.dtype[np.uint16 | np.int32]:
        """Data type of ids: uint16 if all fit, else int32."""
        return np.dtype(np.uint16 if self.offset + 2**bits <= 2**16 else np.int32)

    @property
    def vocabulary(self) -> Vocabulary:
        """The ids; ValueError if `begin` and `end` are not two ids below `offset`."""
        begin, end = self.begin, self.end
        if not isinstance(begin, str) and not isinstance(end, str):
            try:
                return Vocabulary(self.offset, begin, end)
            except ValueError:
                pass
        raise ValueError(
            "what begins and ends clips must be two ids below the offset of tokens, "
            f"{self.offset}, in a format that holds integers; not {begin} and {end}"
        )

    def text(self, tokens: NDArray[np.uint16]) -> str:
        """uint16 (T,) as names, `<|s_N|>`."""
        begin, end = ("" if one is None else str(one) for one in (self.begin, self.end))
        return begin + names.to_text(tokens, self.offset) + end


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
