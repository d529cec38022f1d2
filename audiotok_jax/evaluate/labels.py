"""Placement of labels at the marks of a plot with little overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.collections import LineCollection
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

Point = tuple[str, float, float]
"""A label, and the data coordinates of its mark."""

_PLACES = tuple((far, angle) for far in (9, 14, 20, 28, 38) for angle in range(0, 360, 30))
"""Candidate positions of a label, in points and degrees from its mark, the best first."""
_CROSS = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])


def place_labels(
    axes: Axes, labels: Sequence[tuple[Point, str, float]], renderer: RendererBase
) -> None:
    """Places labels, one by one, where each overlaps least with marks, lines and other labels.

    Args:
        axes: with everything else drawn.
        labels: points with colours and sizes.
        renderer: of the canvas.
    """
    obstacles = _obstacles(axes)
    marks = axes.transData.transform([(x, y) for (_, x, y), *_ in labels])
    taken: list[Bbox] = []
    for mark, ((text, x, y), colour, size) in zip(marks, labels, strict=True):
        note = axes.annotate(
            text,
            (x, y),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=size,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 0},
        )
        note.set_in_layout(False)

        def cost(
            spot: tuple[int, int], note: Annotation = note, mark: NDArray[np.float64] = mark
        ) -> float:
            box = _put(note, *spot, renderer)
            (left, bottom), (right, top) = box.get_points()
            away = np.hypot(*(marks - marks.clip((left, bottom), (right, top))).T)
            own = np.hypot(*(mark - mark.clip((left, bottom), (right, top))))
            centre = ((left + right) / 2, (bottom + top) / 2)
            line = mark + np.linspace(0, 1, 20)[:, None, None] * (centre - mark)
            others = marks[(marks != mark).any(axis=1)]
            crossed = (np.hypot(*(others - line).T) < 6).any(axis=1).sum()
            inside = (obstacles > (left, bottom)) & (obstacles < (right, top))
            covered = 30.0 * inside.all(axis=1).sum()
            for other in taken:
                both = Bbox.intersection(box, other)
                covered += 1000 + both.width * both.height if both else 0
            whole = axes.bbox.x0 <= left and right <= axes.bbox.x1
            whole = whole and axes.bbox.y0 <= bottom and top <= axes.bbox.y1
            return covered + 10000 * (not whole) + 40.0 * ((away < own).sum() + crossed)

        free = (spot for spot in _PLACES if not cost(spot))
        spot = next(free, None) or min(_PLACES, key=lambda spot: cost(spot) + spot[0])
        taken.append(_put(note, *spot, renderer))


def _put(note: Annotation, far: int, angle: int, renderer: RendererBase) -> Bbox:
    """Moves a label to one of `_PLACES` and returns its box in pixels."""
    x, y = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    assert note.arrow_patch is not None
    note.arrow_patch.set_visible(far > 10)
    note.xyann = (far * x, far * y)
    note.set_horizontalalignment("left" if x > 0.1 else "right" if x < -0.1 else "center")
    note.set_verticalalignment("bottom" if y > 0.6 else "top" if y < -0.6 else "center")
    # Of the text only: the box of the annotation includes the line to the mark.
    note.update_positions(renderer)
    return Text.get_window_extent(note, renderer)


def _obstacles(axes: Axes) -> NDArray[np.float64]:
    """Dense points on all marks and lines, in pixels: float64 (N, 2)."""
    paths = [axes.transData.transform(line.get_xydata()) for line in axes.lines]
    for bars in axes.collections:
        if isinstance(bars, LineCollection):
            paths += [axes.transData.transform(segment) for segment in bars.get_segments()]
        else:
            paths.append(axes.transData.transform(bars.get_offsets()))
    found = []
    for path in paths:
        found.append(path[:, None] + 4 * _CROSS)
        steps = np.linspace(0, 1, 50)[:, None, None]
        found.append(path[:-1] + steps * np.diff(path, axis=0))
    return np.concatenate([points.reshape(-1, 2) for points in found])
