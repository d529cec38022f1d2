"""Puts the weights of a run into the package, with a summary of its metrics.

    python experiments/default_model/release.py --name speech-80hz-v10 --runs runs/v10/a runs/v10/b

The weights are those of the last run, its decoder the mean of those of the last `--mean` runs, one
of which began with the other's (Wortsman et al. 2022), made louder by `--gain`; the summary
(`metrics.jsonl`, a line per 100 steps, means) covers all runs in order.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import jax
import numpy as np

from audiotok_jax import pretrained
from audiotok_jax.codec.model import Params

STEPS = 100
SPARSE = ("audio_seconds_per_second", "mfu", "bits")
"""Metrics that are not in every line."""


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


def louder(params: Params, db: float) -> Params:
    """Weights of a codec whose decoder is `db` decibels louder; its tokens stay the same."""
    filters = params["decoder"]["to_filters"]
    raised = {**filters, "bias": filters["bias"] + db * np.log(10) / 20}
    return {**params, "decoder": {**params["decoder"], "to_filters": raised}}


def main() -> None:
    """Reads the arguments and copies."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--name", required=True, help="of the released model")
    parser.add_argument("--runs", required=True, nargs="+", type=Path, help="in their order")
    parser.add_argument("--mean", type=int, default=1, help="runs whose decoders are averaged")
    parser.add_argument("--gain", type=float, default=0.0, help="of the decoder, in dB")
    args = parser.parse_args()
    folder = Path(pretrained.MODELS) / args.name
    models = [pretrained.load(run / "model") for run in args.runs[-args.mean :]]
    last, decoders = models[-1], [model.params["decoder"] for model in models]
    decoder = jax.tree.map(lambda *leaves: np.mean(leaves, axis=0), *decoders)
    params = louder({**last.params, "decoder": decoder}, args.gain)
    pretrained.save(folder, params, last.config, last.card)
    lines = [line for run in args.runs for line in summary(run)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(folder)


if __name__ == "__main__":
    main()
