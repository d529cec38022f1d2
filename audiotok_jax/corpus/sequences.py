"""Rows of fixed length from a corpus, for language models; each class is a Grain source."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiotok_jax.corpus.reading import Corpus


@dataclass(frozen=True)
class Vocabulary:
    """The ids of a language model: `specials` special ones, followed by the tokens.

    Attributes:
        specials: number of ids before that of token 0.
        bos: id at the start of each clip, or None.
        eos: id at the end of each clip, or None.
        pad: id that fills up rows, or None.

    Raises:
        ValueError: one of these is not below `specials`, or two are equal.
    """

    specials: int = 0
    bos: int | None = None
    eos: int | None = None
    pad: int | None = None

    def __post_init__(self) -> None:
        given = [i for i in (self.bos, self.eos, self.pad) if i is not None]
        if len(set(given)) < len(given) or any(not 0 <= i < self.specials for i in given):
            raise ValueError(f"bos, eos and pad must differ and lie in 0..specials - 1: {self}")

    @property
    def extra(self) -> int:
        """Number of ids that a clip has besides its tokens."""
        return sum(i is not None for i in (self.bos, self.eos))

    def ids(self, tokens: ArrayLike) -> NDArray[np.int32]:
        """Ids of tokens: integers (T,) to int32 (T + extra,)."""
        start, end = ([] if i is None else [i] for i in (self.bos, self.eos))
        shifted = np.asarray(tokens).astype(np.int32) + self.specials
        return np.concatenate([start, shifted, end], dtype=np.int32, casting="unsafe")

    def tokens(self, ids: ArrayLike) -> NDArray[np.uint16]:
        """Tokens among ids: integers (N,) to uint16 (T,)."""
        array = np.asarray(ids)
        return (array[array >= self.specials] - self.specials).astype(np.uint16)


class Packed:
    """Concatenates all clips and cuts them into rows; drops the incomplete last one.

    Random access to rows is fast with flat shards, which are memory-mapped, and array_record. With
    parquet, each access may decode a row group.
    """

    def __init__(self, corpus: Corpus, length: int, vocabulary: Vocabulary | None = None) -> None:
        """Takes a corpus and the number of ids in a row; ValueError if that is below 1."""
        if length < 1:
            raise ValueError(f"a row must have at least 1 id, not {length}")
        self._corpus = corpus
        self._length = length
        self._vocabulary = vocabulary or Vocabulary()
        extra = self._vocabulary.extra
        sizes = [receipt.tokens + extra * receipt.clips for _, receipt in corpus.done]
        self._starts = np.cumsum([0, *sizes])

    def __len__(self) -> int:
        return int(self._starts[-1]) // self._length

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        """A row, int32 (length,)."""
        index = operator.index(row)
        if not 0 <= index < len(self):
            raise IndexError(f"there is no row {index}: there are {len(self)}")
        start, end = index * self._length, (index + 1) * self._length
        pieces = []
        part = int(np.searchsorted(self._starts, start, "right")) - 1
        while start < end:
            stop = min(end, int(self._starts[part + 1]))
            if start < stop:
                pieces += self._read(part, start - self._starts[part], stop - self._starts[part])
            start, part = stop, part + 1
        return np.concatenate(pieces)

    def _read(self, part: int, start: int, stop: int) -> list[NDArray[np.int32]]:
        """Ids `start` to `stop` of a shard."""
        extra = self._vocabulary.extra
        ends = np.cumsum(self._corpus.lengths(part) + extra)
        pieces = []
        clip = int(np.searchsorted(ends, start, "right"))
        while start < stop:
            entry = self._corpus[int(self._corpus.starts[part]) + clip]
            ids = self._vocabulary.ids(entry.tokens)
            begin = ends[clip] - len(ids)
            pieces.append(ids[start - begin : stop - begin])
            start, clip = ends[clip], clip + 1
        return pieces


class Row(TypedDict):
    """A clip in a row: ids, int32 (row length,), of which the first `length` are its own."""

    ids: NDArray[np.int32]
    length: np.int32


class Padded:
    """One clip per row, padded with `pad` or cut at the end."""

    def __init__(self, corpus: Corpus, length: int, vocabulary: Vocabulary) -> None:
        """Takes a corpus and the number of ids in a row; ValueError if there is no `pad`."""
        if length < 1 or vocabulary.pad is None:
            raise ValueError("a padded row needs a length of at least 1 and an id `pad`")
        self._corpus = corpus
        self._length = length
        self._vocabulary = vocabulary

    def __len__(self) -> int:
        return len(self._corpus)

    def __getitem__(self, number: int) -> Row:
        ids = self._vocabulary.ids(self._corpus[number].tokens)[: self._length]
        row = np.full(self._length, self._vocabulary.pad, np.int32)
        row[: len(ids)] = ids
        return {"ids": row, "length": np.int32(len(ids))}
