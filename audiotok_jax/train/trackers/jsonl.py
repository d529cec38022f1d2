"""Files with a JSON object per line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from audiotok_jax import files
from audiotok_jax.train.evaluation import Evaluated


class JsonLines:
    """`metrics.jsonl`, a line for each step; `eval.jsonl`, one for each evaluation.

    In the first, `step` is the index of the step, from 0; in the second, the number of steps done.
    Non-finite values are null.
    """

    def __init__(self, out: Path, first_step: int):
        """Opens the files in `out`, and removes lines from `first_step` on."""
        self._metrics = _reopen(out / "metrics.jsonl", first_step)
        self._evaluations = _reopen(out / "eval.jsonl", first_step + 1)

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        _write(self._metrics, {"step": step, **values})

    def show(self, done: int, found: Evaluated) -> None:
        _write(self._evaluations, {"step": done, "score": found.score, **found.means})

    def close(self) -> None:
        self._metrics.close()
        self._evaluations.close()


def _reopen(path: Path, end: int) -> IO[str]:
    """Opens a file to append to it, without the lines of step `end` and later ones."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith(b"\n")]
    files.write(path, b"".join(line for line in whole if _step(line) < end))
    return open(path, "a", encoding="utf-8")


def _step(line: bytes) -> float:
    """The step of a line; a damaged line is kept and does not end the run."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
        return -math.inf


def _write(file: IO[str], values: Mapping[str, Any]) -> None:
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
    file.write(json.dumps(finite) + "\n")
    file.flush()
