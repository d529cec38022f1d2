"""Statistics of token streams: code usage, bits, and correlation of neighbours.

Bit k of a token has the value 2**k; entropies are in bits; N is the number of tokens, V = 2**bits
the size of the codebook, K the number of distinct tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.tokens import check_tokens

SEED = 0  # of the shuffle, for reproducible results


def statistics(streams: Sequence[NDArray[Any]], bits: int = 16) -> dict[str, Any]:
    """Statistics over all tokens of several streams.

    Undefined values are None: statistics of neighbours if no stream has two tokens, the
    normalisation by used codes if there is only one, the correlation if fewer than two bits vary.
    All others are finite, so the result is JSON-ready.

    Args:
        streams: integers (T,) each, in 0..V - 1; neighbours are pairs within one stream.
        bits: per token, 1 to 32.

    Returns:
        `streams`, `tokens` (N), `bits`: int.
        `distinct` (K): int; `distinct_share`: K / N.
        `expected_distinct`: V (1 - (1 - 1/V)^N), the expectation of K for equally likely ids.
        `usage`: K over that; close to 1 for a fully used codebook, for samples of any size.
        `entropy`: of single tokens, plug-in, -sum p log2 p with p = count / N. It cannot exceed
            log2 N, and is biased by about -(V - 1) / (2N ln 2) even if N is well above V.
        `entropy_miller_madow`: that plus (K - 1) / (2N ln 2) (Miller 1955, with the K found for
            the true number of ids, as in Paninski 2003, "Estimation of entropy and mutual
            information"); still far too low if N is below V.
        `entropy_by_bits`, `entropy_by_used`: `entropy` / bits, and / log2 K.
        `bit_mean`: (bits) shares of tokens whose bit is 1.
        `largest_correlation`, `correlated_bits`: the largest |Pearson correlation| of two bits
            that vary, and these bits.
        `hamming_neighbours`, `hamming_shuffled`: mean Hamming distance of neighbours, and the same
            after one seeded permutation of all tokens.
        `hamming_histogram`, `hamming_histogram_shuffled`: (bits + 1) numbers of pairs at distance
            0, 1, ...
        `flip_rate`: (bits) shares of pairs of neighbours that differ in this bit.
        `conditional_entropy`: (bits) of a bit, given the same bit of the previous token:
            -sum p(a, b) log2 p(b | a), plug-in, over neighbours.

    Raises:
        ValueError: no tokens, not integers of shape (T,), or out of range.
    """
    if not 1 <= bits <= 32:
        raise ValueError(f"bits must lie in 1..32, not {bits}")
    arrays = [check_tokens(stream, bits).astype(np.int64) for stream in streams]
    tokens = np.concatenate([np.empty(0, np.int64), *arrays])
    total = len(tokens)
    if not total:
        raise ValueError("there are no tokens")
    ids, counts = np.unique(tokens, return_counts=True)
    before = np.concatenate([array[:-1] for array in arrays])
    after = np.concatenate([array[1:] for array in arrays])
    flips = before ^ after
    mixed = np.random.default_rng(SEED).permutation(tokens)
    shuffled = _distances(mixed[:-1] ^ mixed[1:], bits)
    neighbours = _distances(flips, bits)
    compared = range(bits) if len(flips) else ()
    return {
        "streams": len(arrays),
        **of_counts(ids, counts, bits),
        "hamming_neighbours": _mean_distance(neighbours),
        "hamming_shuffled": _mean_distance(shuffled),
        "hamming_histogram": neighbours.tolist(),
        "hamming_histogram_shuffled": shuffled.tolist(),
        "flip_rate": [float((flips >> bit & 1).mean()) for bit in compared] or None,
        "conditional_entropy": [_conditional_entropy(before, after, k) for k in compared] or None,
    }


def of_counts(
    ids: NDArray[np.integer], counts: NDArray[np.integer], bits: int = 16
) -> dict[str, Any]:
    """The part of `statistics` about single tokens.

    Args:
        ids: integers (K,), the distinct tokens, K >= 1, sorted.
        counts: integers (K,), their numbers of occurrences, at least 1.
        bits: per token, 1 to 32.

    Returns:
        `tokens` to `correlated_bits`; see `statistics`.
    """
    used, total = len(ids), int(counts.sum())
    # In terms of log1p and expm1, as 1 - 1/V and the difference would lose precision.
    expected = float(-np.expm1(total * np.log1p(-(0.5**bits))) * 2**bits)
    plug_in = entropy(counts)
    correlation, pair = _largest_correlation(ids, counts, bits)
    return {
        "tokens": total,
        "bits": bits,
        "distinct": used,
        "distinct_share": used / total,
        "expected_distinct": expected,
        "usage": used / expected,
        "entropy": plug_in,
        "entropy_miller_madow": plug_in + (used - 1) / (2 * total * float(np.log(2))),
        "entropy_by_bits": plug_in / bits,
        "entropy_by_used": plug_in / float(np.log2(used)) if used > 1 else None,
        "bit_mean": [int(counts[ids >> bit & 1 == 1].sum()) / total for bit in range(bits)],
        "largest_correlation": correlation,
        "correlated_bits": pair,
    }


def entropy(counts: NDArray[np.integer]) -> float:
    """Plug-in entropy in bits of counts, at least one of which is positive."""
    positive = counts[counts > 0]
    total = positive.sum()
    return float(positive @ np.log2(total / positive) / total)


def tables(found: dict[str, Any]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Two tables of `statistics`, with their headers first: of all tokens, and bit by bit."""
    pair = found["correlated_bits"]
    which = f" ({pair[0]} and {pair[1]})" if pair else ""
    overall: list[tuple[str, ...]] = [
        ("statistic", "value"),
        ("streams", str(found["streams"])),
        ("tokens", str(found["tokens"])),
        ("distinct tokens", str(found["distinct"])),
        ("  share of all tokens", _cell(found["distinct_share"])),
        (f"  expected of {2 ** found['bits']} equal ids", _cell(found["expected_distinct"], 1)),
        ("  usage: distinct / expected", _cell(found["usage"])),
        ("entropy, plug-in (bits)", _cell(found["entropy"])),
        (f"  normalised by {found['bits']} bits", _cell(found["entropy_by_bits"])),
        ("  normalised by log2(used codes)", _cell(found["entropy_by_used"])),
        ("entropy, Miller-Madow (bits)", _cell(found["entropy_miller_madow"])),
        (f"largest correlation of bits{which}", _cell(found["largest_correlation"])),
        ("Hamming distance of neighbours", _cell(found["hamming_neighbours"])),
        ("  shuffled", _cell(found["hamming_shuffled"])),
    ]
    names = ("bit_mean", "flip_rate", "conditional_entropy")
    columns = [found[name] or [None] * found["bits"] for name in names]
    by_bit: list[tuple[str, ...]] = [("bit", "mean", "flip rate", "conditional entropy")]
    for bit, values in enumerate(zip(*columns, strict=True)):
        by_bit.append((str(bit), *map(_cell, values)))
    return overall, by_bit


def _cell(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _distances(flips: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Histogram of the number of set bits: int64 (bits + 1,)."""
    return np.bincount(np.bitwise_count(flips), minlength=bits + 1)


def _mean_distance(histogram: NDArray[np.int64]) -> float | None:
    pairs = histogram.sum()
    return float(histogram @ np.arange(len(histogram)) / pairs) if pairs else None


def _largest_correlation(
    ids: NDArray[np.integer], counts: NDArray[np.integer], bits: int
) -> tuple[float | None, list[int] | None]:
    """The largest |Pearson correlation| of two bits, and these bits.

    Over distinct ids and their counts, which are fewer than tokens; in sums instead of means, as
    these are integers, so that equal bits give exactly 1.
    """
    ones = (ids[:, None] >> np.arange(bits) & 1).astype(np.float64)
    total, sums = counts.sum(), counts @ ones
    varies = np.flatnonzero((sums > 0) & (sums < total))
    if len(varies) < 2:
        return None, None
    ones, sums = ones[:, varies], sums[varies]
    covariance = total * (ones.T @ (ones * counts[:, None])) - np.outer(sums, sums)
    variance = sums * (total - sums)
    correlation = np.abs(covariance) / np.sqrt(np.outer(variance, variance))
    rows, columns = np.triu_indices(len(varies), 1)
    best = np.argmax(correlation[rows, columns])
    pair = rows[best], columns[best]
    return float(correlation[pair]), varies[list(pair)].tolist()


def _conditional_entropy(before: NDArray[np.int64], after: NDArray[np.int64], bit: int) -> float:
    """Entropy of one bit, given the same bit of the previous token."""
    pairs = 2 * (before >> bit & 1) + (after >> bit & 1)
    joint = np.bincount(pairs, minlength=4).reshape(2, 2)
    return float(sum(row.sum() * entropy(row) for row in joint if row.any()) / len(pairs))
