"""Token counts of a shard, which are summed to statistics of a corpus of any size."""

from __future__ import annotations

import base64
import operator
import zlib
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.evaluate.stats import of_counts


class Counts:
    """Counts of tokens, and of bits that differ between neighbouring tokens.

    Attributes:
        bits: per token, 1 to 16.
        tokens: int64 (2**bits,), occurrences of each token.
        pairs: number of pairs of neighbours within clips.
        flips: int64 (bits,), number of pairs in which bit k, of value 2**k, differs.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.tokens = np.zeros(1 << bits, np.int64)
        self.pairs = 0
        self.flips = np.zeros(bits, np.int64)

    def add(self, tokens: NDArray[np.uint16]) -> None:
        """Counts the tokens of one clip, uint16 (T,)."""
        np.add.at(self.tokens, tokens, 1)
        flips = tokens[1:] ^ tokens[:-1]
        self.pairs += len(flips)
        self.flips += (flips[:, None] >> np.arange(self.bits) & 1).sum(axis=0)

    def __iadd__(self, other: Self) -> Self:
        self.tokens += other.tokens
        self.pairs += other.pairs
        self.flips += other.flips
        return self

    def statistics(self) -> dict[str, Any]:
        """Those entries of `evaluate.stats.statistics` that can be computed from counts."""
        if not self.tokens.any():
            return {"tokens": 0}
        ids = np.flatnonzero(self.tokens)
        rates = (self.flips / self.pairs).tolist() if self.pairs else None
        return {
            **of_counts(ids, self.tokens[ids], self.bits),
            "hamming_neighbours": sum(rates) if rates else None,
            "flip_rate": rates,
        }

    def to_json(self) -> dict[str, Any]:
        """The counts, compressed, JSON-ready."""
        packed = base64.b64encode(zlib.compress(self.tokens.astype("<u8").tobytes())).decode()
        return {"tokens": packed, "pairs": self.pairs, "flips": self.flips.tolist()}

    @classmethod
    def from_json(cls, fields: dict[str, Any], bits: int) -> Self:
        """The inverse of `to_json`; ValueError if the fields are invalid."""
        found = cls(bits)
        size = found.tokens.nbytes
        try:
            unpacked = zlib.decompressobj().decompress(base64.b64decode(fields["tokens"]), size + 1)
            flips = np.array(fields["flips"], np.int64)
            if len(unpacked) != size or flips.shape != (bits,):
                raise ValueError(f"not of {bits} bits")
            found.tokens += np.frombuffer(unpacked, "<u8").astype(np.int64)
            found.pairs = operator.index(fields["pairs"])
            found.flips += flips
        except (zlib.error, LookupError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"no counts of tokens: {error}") from None
        if (found.tokens < 0).any() or (flips < 0).any() or (flips > found.pairs).any():
            raise ValueError("no counts of tokens: some cannot be")
        return found
