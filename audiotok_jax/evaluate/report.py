"""Summaries of rows: means with intervals, as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import bootstrap

from audiotok_jax.evaluate.metrics import Metric

RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 0  # of the bootstrap, for reproducible intervals

Rows = Sequence[dict[str, Any]]

_DECIMALS = {"MOS": 2, "dB": 2, "%": 1, "cents": 1}  # of a unit; 3 of others
_ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}


def summarize(rows: Rows, metrics: Iterable[Metric]) -> dict[str, dict[str, Any]]:
    """Means of measured metrics for each codec, JSON-ready, from rows of `work.evaluate`.

    Returns:
        For each codec, sorted by payload: `clips`, `seconds`; `kbps_payload` and `kbps_file`, all
        bits over the whole duration; `encode_speed` and `decode_speed`, the duration over the time
        taken; `metrics`: the `interval` of each.
    """
    found = {}
    for codec in dict.fromkeys(row["codec"] for row in rows):
        own = [row for row in rows if row["codec"] == codec]
        column = {name: [row[name] for row in own] for name in own[0]}
        seconds = np.array(column["seconds"])
        total = float(seconds.sum())
        found[codec] = {
            "clips": len(own),
            "seconds": total,
            "kbps_payload": float(seconds @ column["kbps_payload"]) / total,
            "kbps_file": float(seconds @ column["kbps_file"]) / total,
            "encode_speed": total / sum(column["encode_seconds"]),
            "decode_speed": total / sum(column["decode_seconds"]),
            "metrics": {
                metric.name: interval(column[metric.name], column.get(metric.weight))
                for metric in metrics
            },
        }
    return dict(sorted(found.items(), key=lambda item: item[1]["kbps_payload"]))


def interval(
    values: Sequence[float | None], weights: Sequence[float | None] | None = None
) -> dict[str, Any]:
    """The mean of the values of clips, and its interval by the percentile bootstrap.

    Clips are resampled, not speakers: the interval refers to other clips of the same speakers.

    Args:
        values: one for each clip; None if undefined.
        weights: of clips in the mean, such as numbers of words for error rates, whose weighted mean
            is the error rate over all words. None: equal weights.

    Returns:
        `mean`; None if there is no value or an infinite one. `low`, `high`: bounds of the 95%
        interval; also None for a single value. `count`: number of values; `infinite`: number of
        infinite ones; `missing`: number of clips for which the metric is undefined.
    """
    counted = [1.0] * len(values) if weights is None else weights
    pairs = [(v, w) for v, w in zip(values, counted, strict=True) if v is not None and w]
    known, weight = np.array(pairs, float).reshape(-1, 2).T
    infinite = int(np.isinf(known).sum())
    found: dict[str, Any] = {"mean": None, "low": None, "high": None}
    if len(known) and not infinite:
        found["mean"] = float(np.average(known, weights=weight))
    if len(known) > 1 and not infinite:
        bounds = bootstrap(
            (known * weight, weight),
            lambda v, w, axis: v.sum(axis) / w.sum(axis),
            n_resamples=RESAMPLES,
            confidence_level=CONFIDENCE,
            method="percentile",
            paired=True,
            vectorized=True,
            rng=np.random.default_rng(SEED),
        ).confidence_interval
        found |= {"low": float(bounds.low), "high": float(bounds.high)}
    return found | {"count": len(known), "infinite": infinite, "missing": len(values) - len(known)}


def table(
    found: dict[str, dict[str, Any]], metrics: Iterable[Metric], intervals: bool
) -> list[tuple[str, ...]]:
    """A table of `summarize` for one set, its header first, with a column for each codec.

    `intervals` adds the bounds to the means.
    """
    codecs = found.values()
    rows: list[tuple[str, ...]] = [
        ("", *found),
        ("kbps", *(f"{codec['kbps_payload']:.2f}" for codec in codecs)),
        ("kbps of the file", *(f"{codec['kbps_file']:.2f}" for codec in codecs)),
    ]
    for metric in metrics:
        decimals = _DECIMALS.get(metric.unit, 3)
        cells = (_cell(codec["metrics"][metric.name], decimals, intervals) for codec in codecs)
        rows.append((f"{metric.title}{_ARROWS[metric.better]}", *cells))
    for verb in ("encode", "decode"):
        rows.append((f"{verb} (x real time)", *(f"{c[f'{verb}_speed']:.0f}" for c in codecs)))
    rows.append(("clips", *(str(codec["clips"]) for codec in codecs)))
    return rows


def by_language(
    found: Mapping[str, dict[str, dict[str, Any]]], metric: Metric
) -> list[tuple[str, ...]]:
    """A table of one metric, its header first, from `summarize` by language.

    It has a row for each language and a column for each codec.
    """
    codecs = list(dict.fromkeys(codec for summary in found.values() for codec in summary))
    decimals = _DECIMALS.get(metric.unit, 3)
    rows = [("", "clips", *codecs)]
    for language, summary in found.items():
        clips = str(max(codec["clips"] for codec in summary.values()))
        values = [summary[c]["metrics"][metric.name] if c in summary else None for c in codecs]
        cells = (_cell(value, decimals, True) if value else "–" for value in values)
        rows.append((language, clips, *cells))
    return rows


def markdown(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    """A section with a table, whose first row is the header and first column the names."""
    head, *body = rows
    rule = ["---", *["--:"] * (len(head) - 1)]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rule, *body)]
    return "\n".join([f"## {title}", "", *lines, ""])


def dump_csv(rows: Rows) -> str:
    """Rows as CSV, with six digits; undefined values are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    return text.getvalue()


def _cell(found: dict[str, Any], decimals: int, intervals: bool) -> str:
    if found["infinite"]:
        return f"∞ in {found['infinite']} of {found['count']}"
    if not found["count"]:
        return "–"
    text = f"{found['mean']:.{decimals}f}"
    if intervals and found["low"] is not None:
        text += f" ({found['low']:.{decimals}f}–{found['high']:.{decimals}f})"
    if intervals and found["missing"]:
        text += f", {found['count']} clips"
    return text
