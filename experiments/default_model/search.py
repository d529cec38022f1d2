"""Trains codecs side by side, for equal steps or wall time and over seeds, and compares them.

    python experiments/default_model/search.py --data ../shared/speech/train \
        --eval ../shared/speech/eval --steps 600 \
        small-80hz small-80hz,codec.kernel_size=9 small-80hz,recipe.losses.teacher.weight=2

Trains one codec after the other, its seeds at the same time on their shares of the cores, for
`--steps` or for `--minutes` plus compilation, with a constant learning rate and averaged weights,
so that no run ends within a schedule. Writes OUT/search.md. Phoneme errors and the similarity of
speakers come first, as the recogniser that counts word errors may have been the teacher.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audiotok_jax import files, preset
from audiotok_jax.config import CodecConfig
from audiotok_jax.provenance import provenance
from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig

METRICS = {
    "per": ("phoneme errors, %", 1),
    "speaker_similarity": ("speakers", 3),
    "pesq_wb": ("PESQ-WB", 2),
    "stoi": ("STOI", 3),
    "wer": ("word errors, %", 1),
    "dnsmos_ovrl": ("DNSMOS OVRL", 2),
    "voicing_error": ("voicing error, %", 1),
}
"""Columns of the table, and decimals."""
STEP_SECONDS = 8 * 2.0
SETTINGS = {
    "recipe.batch_size": "8",
    "recipe.seconds": "2.0",
    "recipe.learning_rate": "((0, 0.0), (100, 1e-3))",
    "recipe.ema": "0.995",
    "recipe.entropy_weight": "0.1",
    "recipe.losses.stoi_loss.weight": "8.0",
}


class Candidate(NamedTuple):
    """A codec on the command line: PRESET[,SETTING=VALUE...]."""

    preset: str
    settings: tuple[str, ...]

    @classmethod
    def of(cls, name: str) -> Candidate:
        """Splits at the commas that a setting's name and `=` follow; values may hold others."""
        base, *own = re.split(r",(?=[\w.]+=)", name)
        return cls(base, tuple(own))

    def codec(self) -> CodecConfig:
        """Its codec; ValueError if there is no such preset or setting."""
        config = TrainConfig(codec=preset(self.preset))
        return overrides.changed(config, overrides.parse(config, self.settings)).codec


def main() -> None:
    """Reads the arguments, trains, evaluates, writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("codecs", nargs="+", metavar="CODEC", help="PRESET[,SETTING=VALUE...]")
    parser.add_argument("--data", required=True, help="speech to train on")
    parser.add_argument("--eval", required=True, help="speech to compare on")
    parser.add_argument("--init", help="weights to begin with, as of `audiotok train`")
    parser.add_argument("--set", action="append", default=[], help="a setting of all codecs")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="of each run")
    length.add_argument("--minutes", type=float, help="of each run (default 3)")
    parser.add_argument("--limit", type=int, default=8, help="clips of each set")
    parser.add_argument("--out", type=Path, default=Path("runs/search"))
    args = parser.parse_args()
    if args.steps is None and args.minutes is None:
        args.minutes = 3.0
    long = f"{args.steps} steps" if args.steps else f"{args.minutes:g} minutes"
    cores = sorted(os.sched_getaffinity(0))
    if len(args.seeds) > len(cores):
        parser.error(f"{len(args.seeds)} seeds at once on {len(cores)} cores: name fewer seeds")
    shares = [cores[i :: len(args.seeds)] for i in range(len(args.seeds))]
    try:
        rates = {name: Candidate.of(name).codec().bitrate / 1000 for name in args.codecs}
    except ValueError as error:
        parser.error(str(error))
    about = provenance(["jax"])
    told = [f"from the weights of {args.init}"] if args.init else []
    told += [f"`{setting}`" for setting in args.set]
    text = (
        f"{long} each on {len(shares[0])} core(s) of {about['machine']}, at "
        f"commit {about['commit']}, {about['date'][:10]}; {args.limit} clips of each set of "
        f"`{args.eval}`{''.join(f'; {words}' for words in told)}.\n\n"
        f"| codec | kbps | seed | steps | hours heard | seconds per step "
        f"| {' | '.join(label for label, _ in METRICS.values())} |\n"
        f"|---|{'--:|' * (5 + len(METRICS))}\n"
    )
    for name, kbps in rates.items():
        with ThreadPoolExecutor(len(shares)) as pool:
            runs = [
                pool.submit(measured, name, seed, share, args)
                for seed, share in zip(args.seeds, shares, strict=True)
            ]
            rows = [run.result() for run in runs]
        for seed, found in [*zip(args.seeds, rows, strict=True), ("mean", mean(rows))]:
            heard = [f"{found['steps']:.0f}", f"{found['steps'] * STEP_SECONDS / 3600:.2f}"]
            heard.append(f"{found['seconds']:.2f}")
            values = [f"{found[metric]:.{digits}f}" for metric, (_, digits) in METRICS.items()]
            row = " | ".join([name.replace(",", ", "), f"{kbps:.2f}", str(seed), *heard, *values])
            text += f"| {row} |\n"
        files.write(args.out / "search.md", text)


def measured(
    name: str, seed: int, cores: Sequence[int], args: argparse.Namespace
) -> dict[str, float]:
    """Trains and evaluates one run on some of the cores, in a thread of its own."""
    os.sched_setaffinity(0, cores)  # of this thread, and of the processes that it starts
    candidate = Candidate.of(name)
    # `evaluate` takes codecs with commas between them.
    out = args.out / re.sub(r"[^\w.=-]+", "-", f"{name}-{seed}")
    shutil.rmtree(out, ignore_errors=True)

    def run(*words: str) -> None:
        subprocess.run(["audiotok", *words], check=True)

    settings = [f"{key}={value}" for key, value in {**SETTINGS, "recipe.seed": seed}.items()]
    settings += [*args.set, *candidate.settings]
    told = [word for setting in settings for word in ("--set", setting)]
    train = ["train", "--preset", candidate.preset, "--data", args.data, "--out", str(out)]
    train += ["--init", args.init] if args.init else []
    train += ["--steps", str(args.steps)] if args.steps else ["--minutes", str(args.minutes)]
    run(*train, *told)
    steps = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    speeds = [line["audio_seconds_per_second"] for line in steps[1:]]
    evaluate = ["evaluate", "--data", args.eval, "--limit", str(args.limit)]
    evaluate += ["--jobs", str(len(cores)), "--out", str(out / "eval")]
    run(*evaluate, "--codecs", f"audiotok:{out / 'model'}")
    summary = json.loads((out / "eval" / "summary.json").read_text())
    (of_all,) = summary["overall"].values()
    # Metrics that are not measured here are NaN.
    found = {name: of_all["metrics"].get(name, {}).get("mean") for name in METRICS}
    means = {name: math.nan if value is None else value for name, value in found.items()}
    return means | {"steps": len(steps), "seconds": STEP_SECONDS / float(np.median(speeds))}


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Over the seeds."""
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


if __name__ == "__main__":
    main()
