"""What a run says of itself: a line per step in a file, and some on the console."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

from audiotok_jax.files import replacing

# Steps between two lines on the console.
REPORT_STEPS = 20
REPORTED = ("loss", "mel", "stft", "pitch", "bit_entropy", "gradient_norm")


class Metrics:
    """Scalars of every step to a file of JSON lines, and of some to the console."""

    def __init__(self, path: Path, first_step: int):
        """Opens the file and takes out the lines of `first_step` and later ones.

        A run that was killed has written them after its last save.
        """
        kept = []
        if path.exists():
            lines = path.read_text().splitlines(keepends=True)
            whole = [line for line in lines if line.endswith("\n")]
            kept = [line for line in whole if json.loads(line)["step"] < first_step]
        with replacing(path) as temporary:
            temporary.write_text("".join(kept))
        self._file = open(path, "a", encoding="utf-8")
        self._last: float | None = None
        self._seconds = self._elapsed = 0.0

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, pending: tuple[int, float, dict[str, Any]] | None) -> None:
        """Waits for one step's scalars and writes them.

        Args:
            pending: step, seconds of audio in its batch, scalars; None is passed over.

        Raises:
            FloatingPointError: the loss or the gradient is not finite.
        """
        if pending is None:
            return
        step, seconds, scalars = pending
        values = {name: float(value) for name, value in scalars.items()}
        if not math.isfinite(values["loss"]) or not math.isfinite(values["gradient_norm"]):
            raise FloatingPointError(
                f"the loss is not finite at step {step}: resume from the last save with a "
                "smaller learning rate, or look for broken audio"
            )
        now = time.monotonic()
        if self._last is not None:  # The first step compiles, and its time says nothing.
            self._seconds += seconds
            self._elapsed += now - self._last
            values["audio_seconds_per_second"] = seconds / (now - self._last)
        self._last = now
        self._file.write(json.dumps({"step": step} | values) + "\n")
        self._file.flush()
        if step % REPORT_STEPS == 0 and self._elapsed:
            text = "  ".join(f"{name} {values[name]:.3f}" for name in REPORTED)
            speed = self._seconds / self._elapsed
            print(f"step {step}  {text}  {speed:.1f} audio s/s", flush=True)
            self._seconds = self._elapsed = 0.0
