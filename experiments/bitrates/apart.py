"""Compares a model's 95% intervals with those of classical codecs, set by set.

    python experiments/bitrates/apart.py [--model audiotok:speech-40hz-v1]

Prints where the model's interval is not better than the codec's, and the closest other cases.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

SUMMARY = Path(__file__).parent / "results" / "summary.json"
METRICS = ("pesq_wb", "stoi", "voice_similarity", "speaker_similarity", "dnsmos_ovrl", "wer", "per")
OTHERS = ("codec2:1200", "codec2:3200", "speex:4")


class Line(NamedTuple):
    """A metric of a set: the worse end of the model's interval, the better end of a codec's."""

    margin: float
    set: str
    metric: str
    codec: str
    ours: float
    theirs: float


def compare(summary: dict[str, Any], model: str) -> list[Line]:
    """All comparisons in the summary that `audiotok evaluate` writes, the closest first.

    Metrics without an interval, such as word errors in languages that the recogniser does not know,
    are left out.
    """
    found = []
    for name, codecs in {**summary["sets"], "all": summary["overall"]}.items():
        for metric in METRICS:
            lower = summary["metrics"][metric]["better"] == "lower"
            worse, better, sign = ("high", "low", -1) if lower else ("low", "high", 1)
            ours = codecs[model]["metrics"][metric][worse]
            for other in OTHERS:
                theirs = codecs[other]["metrics"][metric][better]
                if ours is not None and theirs is not None:
                    margin = sign * (ours - theirs)
                    found.append(Line(margin, name, metric, other, ours, theirs))
    return sorted(found)


def main() -> None:
    """Reads the arguments and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="audiotok", help="as the summary calls it")
    args = parser.parse_args()
    lines = compare(json.loads(SUMMARY.read_text()), args.model)
    missed = [line for line in lines if line.margin <= 0]
    print(f"{len(lines) - len(missed)} of {len(lines)} lines are apart")
    for line in [*missed, *lines[len(missed) :][:3]]:
        word = "missed" if line.margin <= 0 else "apart"
        print(
            f"{word}: {line.set} {line.metric}, {line.ours:.4f} at worst; "
            f"{line.codec} {line.theirs:.4f} at best"
        )


if __name__ == "__main__":
    main()
