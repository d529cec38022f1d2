"""Plots of the statistics of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from audiotok_jax.evaluate.stats import SEED
from audiotok_jax.files import replacing

MAX_POINTS = 300  # of a rank-frequency curve, for small SVG files


def draw(path: Path, streams: Sequence[NDArray[Any]], found: dict[str, Any]) -> None:
    """Writes four panels: bit means, flip rates, frequencies of ids, distances of neighbours.

    Args:
        path: of the picture, .png or .svg; nothing half-written remains on failure.
        streams: integers (T,) each.
        found: their `statistics`.

    Raises:
        OSError: it cannot be written.
    """
    figure = Figure(figsize=(12, 8), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    (mean, flips), (ranks, distances) = figure.subplots(2, 2)
    _bars(mean, found["bit_mean"], "mean of each bit")
    _bars(flips, found["flip_rate"] or [], "flip rate of each bit")
    tokens = np.concatenate(streams)
    uniform = np.random.default_rng(SEED).integers(0, 2 ** found["bits"], len(tokens))
    _curve(ranks, tokens, "these tokens", "o")
    _curve(ranks, uniform, "as many, all ids equally likely", ".")
    ranks.set(xscale="log", yscale="log", xlabel="rank of the id", ylabel="occurrences")
    ranks.set_ylim(bottom=0.5)
    ranks.set_title("frequency of ids")
    ranks.legend()
    for name, label, shift in (
        ("hamming_histogram", "neighbours", -0.2),
        ("hamming_histogram_shuffled", "shuffled", 0.2),
    ):
        pairs = np.array(found[name])
        places = np.arange(len(pairs)) + shift
        distances.bar(places, pairs / max(pairs.sum(), 1), 0.4, label=label)
    distances.set(xlabel="bits that differ", ylabel="share of pairs")
    distances.set_xticks(range(0, found["bits"] + 1, 2))
    distances.set_title("Hamming distance of neighbours")
    distances.legend()
    # For reproducible SVG files.
    metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
    with matplotlib.rc_context({"svg.hashsalt": "audiotok"}), replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), metadata=metadata)


def _bars(axis: Axes, values: Sequence[float], title: str) -> None:
    axis.bar(np.arange(len(values)), values)
    axis.axhline(0.5, color="black", linewidth=1, linestyle="--")
    axis.set(xlabel="bit", ylim=(0, 1))
    axis.set_title(title)


def _curve(axis: Axes, tokens: NDArray[Any], label: str, marker: str) -> None:
    counts = np.sort(np.unique(tokens, return_counts=True)[1])[::-1]
    shown = np.unique(np.geomspace(1, len(counts), MAX_POINTS).round().astype(int))
    axis.plot(shown, counts[shown - 1], marker, markersize=4, label=label)
