"""Trains codecs side by side from nothing, for equal wall time and over seeds, and compares them.

    python experiments/default_model/search.py --data ../shared/speech/train \
        --eval ../shared/speech/eval --minutes 2 \
        small-80hz small-80hz,codec.kernel_size=9 small-100hz

Runs one after the other, each for `--minutes` beside its compilation, with a constant learning rate
and averaged weights, so that none of them is cut off within a schedule. Writes OUT/search.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

from audiotok_jax import preset
from audiotok_jax.config import CodecConfig
from audiotok_jax.files import replacing
from audiotok_jax.provenance import provenance
from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig

METRICS = {"pesq_wb": 2, "stoi": 3, "dnsmos_ovrl": 2, "speaker_similarity": 2}
STEP_SECONDS = 8 * 2.0
SETTINGS = {
    "recipe.batch_size": "8",
    "recipe.seconds": "2.0",
    "recipe.learning_rate": "((0, 0.0), (100, 1e-3))",
    "recipe.ema": "0.995",
    "recipe.entropy_weight": "0.1",
    "recipe.intelligibility_weight": "8.0",
}


def main() -> None:
    """Reads the arguments, trains, evaluates, writes the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "codecs", nargs="+", metavar="PRESET[,SETTING=VALUE...]", help="settings are those of --set"
    )
    parser.add_argument("--data", required=True, help="speech to train on")
    parser.add_argument("--eval", required=True, help="speech to compare on")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--limit", type=int, default=8, help="clips of each set")
    parser.add_argument("--out", type=Path, default=Path("runs/search"))
    args = parser.parse_args()
    lines = []
    rates = {name: codec(name).bitrate / 1000 for name in args.codecs}
    for name, kbps in rates.items():
        rows = [measured(name, seed, args) for seed in args.seeds]
        for seed, found in [*zip(args.seeds, rows, strict=True), ("mean", mean(rows))]:
            heard = [f"{found['steps']:.0f}", f"{found['steps'] * STEP_SECONDS / 3600:.2f}"]
            values = [f"{found[metric]:.{digits}f}" for metric, digits in METRICS.items()]
            row = " | ".join([name.replace(",", ", "), f"{kbps:.2f}", str(seed), *heard, *values])
            lines.append(f"| {row} |")
    about = provenance(["jax"])
    text = (
        f"{args.minutes:g} minutes each on {about['machine']}, at commit {about['commit']}, "
        f"{about['date'][:10]}; {args.limit} clips of each set of `{args.eval}`.\n\n"
        "| preset, settings | kbps | seed | steps | hours heard "
        "| PESQ-WB | STOI | DNSMOS OVRL | speakers |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    )
    with replacing(args.out / "search.md") as path:
        path.write_text(text + "\n".join(lines) + "\n", encoding="utf-8")


def codec(name: str) -> CodecConfig:
    """What a name on the command line means; ValueError if it means nothing."""
    base, *own = name.split(",")
    config = TrainConfig(codec=preset(base))
    return overrides.changed(config, overrides.parse(config, own)).codec


def measured(name: str, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """Trains and evaluates one run."""
    base, *own = name.split(",")
    # `evaluate` takes codecs with commas between them.
    out = args.out / f"{name}-{seed}".replace(",", "-")
    shutil.rmtree(out, ignore_errors=True)
    settings = [f"{key}={value}" for key, value in {**SETTINGS, "recipe.seed": seed}.items()]
    told = [word for setting in [*settings, *own] for word in ("--set", setting)]
    train = ["audiotok", "train", "--preset", base, "--data", args.data, "--out", str(out)]
    subprocess.run([*train, "--minutes", str(args.minutes), *told], check=True)
    steps = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    evaluate = ["audiotok", "evaluate", "--data", args.eval, "--limit", str(args.limit)]
    codec = f"audiotok:{out / 'model'}"
    subprocess.run([*evaluate, "--codecs", codec, "--out", str(out / "eval")], check=True)
    with open(out / "eval" / "clips.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    # What is not defined of a clip, as of silence, is left out.
    means = {m: float(np.mean([float(row[m]) for row in rows if row[m]])) for m in METRICS}
    return means | {"steps": len(steps)}


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Over the seeds."""
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


if __name__ == "__main__":
    main()
