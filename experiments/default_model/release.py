"""Puts the weights of a run into the package, with a summary of its metrics.

    python experiments/default_model/release.py --name small-80hz-4 --runs runs/first runs/second

The weights are those of the last run; the summary (`metrics.jsonl`, a line per 100 steps, means)
covers all of them in order.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

from audiotok_jax.pretrained import MODELS

STEPS = 100
SPARSE = ("audio_seconds_per_second", "mfu", "bits")
"""What is not in every line."""


def summary(run: Path) -> list[dict[str, float | str]]:
    """Means of the metrics of a run over `STEPS` steps."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    parts = [lines[start : start + STEPS] for start in range(0, len(lines), STEPS)]
    return [
        {"run": run.name, "step": part[-1]["step"]}
        | {
            name: round(float(np.mean([line[name] for line in part])), 5)
            for name in part[-1]
            if name not in ("step", *SPARSE)
        }
        for part in parts
    ]


def main() -> None:
    """Reads the arguments and copies."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--name", required=True, help="of the released model")
    parser.add_argument("--runs", required=True, nargs="+", type=Path, help="in their order")
    args = parser.parse_args()
    folder = Path(MODELS) / args.name
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("config.json", "model.safetensors"):
        shutil.copy(args.runs[-1] / "model" / file, folder / file)
    lines = [line for run in args.runs for line in summary(run)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(folder)


if __name__ == "__main__":
    main()
