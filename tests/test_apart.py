"""Which intervals lie apart, of experiments/bitrates/apart.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments" / "bitrates"))

import apart  # noqa: E402


def summary(ours: float, theirs: float, better: str = "higher") -> dict:
    """Of one set, with the bounds of the model and of codecs; over all the model is the best."""

    def measured(bound: float) -> dict:
        return {"metrics": dict.fromkeys(apart.METRICS, {"low": bound, "high": bound})}

    others = {codec: measured(theirs) for codec in apart.OTHERS}
    best = 1.0 if better == "higher" else 0.0
    return {
        "metrics": dict.fromkeys(apart.METRICS, {"better": better}),
        "sets": {"children": {"ours": measured(ours), **others}},
        "overall": {"ours": measured(best), **others},
    }


@pytest.mark.parametrize(("ours", "theirs", "better"), [(0.4, 0.5, "higher"), (0.5, 0.4, "lower")])
def test_the_nearest_line_comes_first_and_none_is_left_out(ours, theirs, better):
    lines = apart.compare(summary(ours, theirs, better), "ours")
    count = len(apart.METRICS) * len(apart.OTHERS)
    assert [line.set for line in lines] == ["children"] * count + ["all"] * count
    assert {(line.metric, line.codec) for line in lines[:count]} == {
        (metric, codec) for metric in apart.METRICS for codec in apart.OTHERS
    }
    assert [line.margin > 0 for line in lines] == [False] * count + [True] * count
    assert (lines[0].ours, lines[0].theirs) == (ours, theirs)


def test_what_has_no_interval_has_no_line():
    found = summary(0.4, 0.5)
    found["sets"]["children"]["ours"]["metrics"] |= {"wer": {"low": None, "high": None}}
    assert "wer" not in {line.metric for line in apart.compare(found, "ours") if line.set != "all"}
