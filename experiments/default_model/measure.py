"""Measures a model on sets of speech: PESQ-WB, STOI, level, and how the tokens are used.

    python experiments/default_model/measure.py --data ../shared/speech/eval

Each folder below DATA is a set. Clips go through the tokenizer at 16 kHz and are compared with
the original, sample by sample: the codec has no delay and keeps the length. PESQ by `pesq`, STOI
by `pystoi` (the extra `eval`). Writes `results.json` and `clips.csv` beside this file.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import platform
import subprocess
from collections import defaultdict
from pathlib import Path

import jax
import numpy as np
from pesq import PesqError, pesq
from pystoi import stoi

from audiotok_jax import AudioTokenizer, audio
from audiotok_jax.files import find

HERE = Path(__file__).parent


def measure(tokenizer: AudioTokenizer, path: Path) -> tuple[dict[str, float], np.ndarray]:
    """Metrics of one clip, and its tokens; `level_db` is that of the decoded over the original."""
    wave, rate = audio.read(path, tokenizer.sample_rate)
    tokens = tokenizer.encode(wave, rate)
    decoded = tokenizer.decode(tokens, len(wave))
    row = {"seconds": len(wave) / rate, "tokens": len(tokens), "stoi": stoi(wave, decoded, rate)}
    row["level_db"] = 10 * np.log10(np.mean(decoded**2) / np.mean(wave**2))
    score = pesq(rate, wave, decoded, "wb", on_error=PesqError.RETURN_VALUES)
    if score > 0:  # Where it finds no speech, there is no score.
        row["pesq_wb"] = score
    return row, tokens


def summary(rows: list[dict[str, float]], tokens: list[np.ndarray], bits: int) -> dict[str, object]:
    """Means with 95% intervals (bootstrap over clips, 2000 draws), and statistics of tokens."""
    found: dict[str, object] = {"clips": len(rows)}
    found["minutes"] = round(sum(row["seconds"] for row in rows) / 60, 2)
    rng = np.random.default_rng(0)
    for name in ("pesq_wb", "stoi", "level_db"):
        values = np.array([row[name] for row in rows if name in row])
        means = rng.choice(values, (2000, len(values))).mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        found[name] = {"mean": float(values.mean()), "low": float(low), "high": float(high)}
    ids = np.concatenate(tokens).astype(np.int64)
    ones = (ids[:, None] >> np.arange(bits)) & 1
    correlation = np.corrcoef(ones.T) - np.eye(bits)
    found["tokens"] = len(ids)
    found["distinct_tokens"] = round(len(np.unique(ids)) / len(ids), 4)
    found["bit_means"] = [round(float(mean), 3) for mean in ones.mean(axis=0)]
    found["largest_bit_correlation"] = round(float(np.abs(correlation).max()), 3)
    return found


def main() -> None:
    """Reads the arguments, measures, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, type=Path, help="folder of folders of clips")
    parser.add_argument("--model", help="default: the model that comes with the package")
    parser.add_argument("--out", type=Path, default=HERE, help="default: beside this file")
    args = parser.parse_args()
    tokenizer = AudioTokenizer.from_pretrained(args.model)
    rows: list[dict] = []
    by_set: dict[str, tuple[list, list]] = defaultdict(lambda: ([], []))
    for path in find([args.data], audio.SUFFIXES):
        row, tokens = measure(tokenizer, path)
        name = str(path.relative_to(args.data).parent)
        rows.append({"set": name, "clip": path.name} | row)
        for key in (name, "all"):
            by_set[key][0].append(row)
            by_set[key][1].append(tokens)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE
    )
    results = {
        "command": "python experiments/default_model/measure.py --data DATA",
        "data": f"{args.data.name}: {len(rows)} clips",
        "commit": commit.stdout.strip(),
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {jax.devices()[0].platform}, jax {jax.__version__}",
        "model_id": tokenizer.model_id,
        "kbps": tokenizer.bitrate / 1000,
        "sets": {name: summary(*found, tokenizer.bits) for name, found in by_set.items()},
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    with open(args.out / "clips.csv", "w", newline="", encoding="utf-8") as file:
        columns = ["set", "clip", "seconds", "tokens", "pesq_wb", "stoi", "level_db"]
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    for name, found in results["sets"].items():
        print(
            f"{name:28s} {found['clips']:4d} clips  PESQ-WB {found['pesq_wb']['mean']:.3f}  "
            f"STOI {found['stoi']['mean']:.3f}  level {found['level_db']['mean']:+.1f} dB  "
            f"distinct {found['distinct_tokens']:.2f}"
        )


if __name__ == "__main__":
    main()
