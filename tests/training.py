"""Runs of training as a command: one recipe for all tests of them, so that it is compiled once."""

from __future__ import annotations

import json
import os
from pathlib import Path

STEPS = 12
# Adam makes rounding grow with the learning rate: at its default, losses part by 5e-5 in 12 steps.
OPTIONS = (
    "--preset", "tiny-80hz", "--steps", str(STEPS), "--batch-size", "8", "--seconds", "0.25",
    "--precision", "float32", "--set", "recipe.learning_rate=1e-4",
    "--set", "session.tensorboard=False",
)  # fmt: skip
# Of a process: what is compiled runs slower, and sooner: a step in 3 s of CPU for 18.
QUICK = {
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "XLA_FLAGS": "--xla_cpu_use_fusion_emitters=false",
}
ENVIRONMENT = os.environ | QUICK
# Of a step: how long it took, which no two runs share.
TIMES = ("audio_seconds_per_second", "mfu")


def read(run: Path) -> list[dict[str, float]]:
    """The metrics of the steps that are written, whole lines alone, without times."""
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [{k: v for k, v in line.items() if k not in TIMES} for line in found]


def weights(run: Path) -> Path:
    """The file of weights that a run leaves."""
    return run / "model" / "model.safetensors"
