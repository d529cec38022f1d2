"""Which intervals lie apart, of experiments/bitrates/apart.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments" / "bitrates"))

import apart  # noqa: E402


def summary(low: float, high: float) -> dict:
    """Of one set, in which the model has `low` and codecs have `high`; over all it has 1."""

    def measured(**bounds: float) -> dict:
        return {"metrics": dict.fromkeys(apart.METRICS, bounds)}

    others = {codec: measured(high=high) for codec in apart.OTHERS}
    return {
        "sets": {"children": {"ours": measured(low=low), **others}},
        "overall": {"ours": measured(low=1.0), **others},
    }


def test_the_nearest_line_comes_first_and_none_is_left_out():
    lines = apart.compare(summary(low=0.4, high=0.5), "ours")
    count = len(apart.METRICS) * len(apart.OTHERS)
    assert [line.set for line in lines] == ["children"] * count + ["all"] * count
    assert {(line.metric, line.codec) for line in lines[:count]} == {
        (metric, codec) for metric in apart.METRICS for codec in apart.OTHERS
    }
    assert [line.margin > 0 for line in lines] == [False] * count + [True] * count
    assert (lines[0].low, lines[0].high) == (0.4, 0.5)
