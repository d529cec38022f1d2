"""Tells whether a model's 95% intervals lie above those of classical codecs, in each set and all.

    python experiments/bitrates/apart.py [--model audiotok:small-40hz]

Prints the lines of which that is not true, and the nearest of the others.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

SUMMARY = Path(__file__).parent / "results" / "summary.json"
METRICS = ("pesq_wb", "stoi", "speaker_similarity", "dnsmos_ovrl")
OTHERS = ("codec2:1200", "codec2:3200", "speex:4")


class Line(NamedTuple):
    """A metric of a set: the lower end of the model's interval, the upper one of a codec's."""

    margin: float
    set: str
    metric: str
    codec: str
    low: float
    high: float


def compare(summary: dict[str, Any], model: str) -> list[Line]:
    """All lines of the summary that `audiotok evaluate` writes, the nearest first."""
    found = []
    for name, codecs in {**summary["sets"], "all": summary["overall"]}.items():
        for metric in METRICS:
            low = codecs[model]["metrics"][metric]["low"]
            for other in OTHERS:
                high = codecs[other]["metrics"][metric]["high"]
                found.append(Line(low - high, name, metric, other, low, high))
    return sorted(found)


def main() -> None:
    """Reads the arguments and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="audiotok", help="as the summary calls it")
    args = parser.parse_args()
    lines = compare(json.loads(SUMMARY.read_text()), args.model)
    missed = [line for line in lines if line.margin <= 0]
    print(f"{len(lines) - len(missed)} of {len(lines)} lines are apart")
    for line in [*missed, *lines[len(missed) :][:3]]:
        word = "missed" if line.margin <= 0 else "apart"
        print(
            f"{word}: {line.set} {line.metric}, from {line.low:.4f} on; "
            f"{line.codec} up to {line.high:.4f}"
        )


if __name__ == "__main__":
    main()
