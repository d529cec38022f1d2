"""Quality over bitrate, a picture for each metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from audiotok_jax.evaluate.labels import Point, place_labels
from audiotok_jax.evaluate.metrics import Metric
from audiotok_jax.files import replacing

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The colour-blind safe palette of Okabe and Ito, without its yellow."""
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_GREY = "#777777"


def draw(
    path: Path,
    title: str,
    metric: Metric,
    found: dict[str, dict[str, Any]],
    published: Sequence[Point] = (),
) -> None:
    """Writes one plot as PNG and as SVG, deterministically.

    Args:
        path: of both, without suffix; nothing half-written remains on failure.
        title: above the plot.
        metric: on the vertical axis, over the bitrate of the payload.
        found: output of `report.summarize` for one set, with at least one finite mean. Codecs of
            one family, the part of a spec before the colon, are connected; one whose mean is not
            finite is named below the title instead.
        published: published results, drawn as hollow marks.

    Raises:
        OSError: it cannot be written.
    """
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    measured = {spec: codec["metrics"][metric.name] for spec, codec in found.items()}
    absent = [spec for spec, value in measured.items() if value["mean"] is None]
    note = f"\nno finite mean: {', '.join(absent)}" if absent else ""
    axes.set_title(title + note, loc="left", fontsize=10)
    better = f", {metric.better} is better" if metric.better else ""
    axes.set_ylabel(f"{metric.title}{better}")
    axes.set(xlabel="bitrate of the payload (kbps)", xscale="log")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    labels = []
    for number, family in enumerate(dict.fromkeys(sorted(map(_family, found)))):
        style = {"color": _COLOURS[number % 7], "marker": _MARKERS[number % 7]}
        specs = [s for s in measured if _family(s) == family and s not in absent]
        points = [(_label(s), found[s]["kbps_payload"], measured[s]["mean"]) for s in specs]
        labels += [(point, style["color"], 10) for point in points]
        if points:
            _family_line(axes, points, [measured[s] for s in specs], style)
    if published:
        _, kbps, values = zip(*published, strict=True)
        hollow: dict[str, Any] = {"s": 28, "facecolors": "none", "edgecolors": _GREY, "zorder": 2}
        axes.scatter(kbps, values, label="published, not measured here", **hollow)
        axes.legend(loc="lower right", edgecolor="#dddddd")
        labels += [(point, _GREY, 7) for point in published]
    axes.margins(y=0.12)
    rates = [kbps for (_, kbps, _), *_ in labels]
    lowest, highest = min(rates), max(rates)
    around = max(1.5, (highest / lowest) ** 0.15)
    axes.set_xlim(lowest / around, highest * around)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    figure.draw_without_rendering()  # computes the layout
    place_labels(axes, labels, canvas.get_renderer())
    with matplotlib.rc_context({"svg.hashsalt": "audiotok", "svg.fonttype": "none"}):
        for suffix, metadata in (("png", None), ("svg", {"Date": None})):
            with replacing(path.with_name(f"{path.name}.{suffix}")) as temporary:
                figure.savefig(temporary, format=suffix, metadata=metadata)


def _family(spec: str) -> str:
    return _label(spec).partition(":")[0]


def _label(spec: str) -> str:
    return spec.partition("@")[0]  # without the folder of the weights


def _family_line(
    axes: Axes, points: Sequence[Point], values: Sequence[dict[str, Any]], style: dict[str, Any]
) -> None:
    """Draws marks with intervals, and the line through them."""
    _, kbps, means = zip(*points, strict=True)
    known = [
        value if value["low"] is not None else value | dict.fromkeys(("low", "high"), mean)
        for value, mean in zip(values, means, strict=True)
    ]  # a single clip has no interval
    spans = [[v["mean"] - v["low"] for v in known], [v["high"] - v["mean"] for v in known]]
    bars = np.maximum(spans, 0)  # rounding may make them negative for equal values
    axes.errorbar(kbps, means, bars, linewidth=1.5, capsize=3, markersize=6, zorder=3, **style)
