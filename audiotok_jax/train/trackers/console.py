"""The console: a line now and then, and on a terminal a bar below them."""

from __future__ import annotations

import datetime
import math
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audiotok_jax.train.config import TrainConfig
from audiotok_jax.train.evaluation import Evaluated
from audiotok_jax.train.state import crop_samples

LINE_STEPS = 20
"""Steps between two lines."""

_SHOWN = ("loss", "mel", "stft", "pitch", "gradient_norm")


class Console:
    """Prints to standard output."""

    def __init__(self, first_step: int, config: TrainConfig):
        """Shows the bar, if standard output is a terminal."""
        codec, recipe = config.codec, config.recipe
        self._steps = recipe.steps
        crop_seconds = crop_samples(codec, recipe) / codec.sample_rate
        self._audio_seconds = recipe.batch_size * crop_seconds
        minutes = config.session.minutes
        self._end = math.inf if minutes is None else time.monotonic() + 60 * minutes
        # Of the steps since the last line.
        self._speeds: list[float] = []
        self._mfus: list[float] = []
        text = TextColumn("{task.fields[text]}")
        self._bar = Progress(
            BarColumn(), MofNCompleteColumn(), text, TimeElapsedColumn(),
            redirect_stderr=sys.stderr.isatty(), disable=not sys.stdout.isatty(),
        )  # fmt: skip
        self._task = self._bar.add_task("", total=self._steps, completed=first_step, text="")
        self._bar.start()

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        if "mfu" in values:
            self._speeds.append(values["audio_seconds_per_second"])
            self._mfus.append(values["mfu"])
        pace = ""
        if self._speeds:
            # Rates over equal amounts of work.
            speed, mfu = map(statistics.harmonic_mean, (self._speeds, self._mfus))
            step_seconds = self._audio_seconds / speed
            seconds = (self._steps - step - 1) * step_seconds
            seconds = max(min(seconds, self._end - time.monotonic()), 0.0)
            total = step + 1 + round(seconds / step_seconds)
            left = datetime.timedelta(seconds=round(seconds))
            pace = f"{speed:.1f} audio s/s  mfu {mfu:.1%}  {left} left"
            self._bar.update(self._task, total=total)
        self._bar.update(self._task, completed=step + 1, text=pace)
        if pace and step % LINE_STEPS == 0:
            losses = "  ".join(f"{name} {values[name]:.3f}" for name in _SHOWN if name in values)
            bits = f"bits {min(values['bits']):.2f}..{max(values['bits']):.2f}"
            print(f"step {step}  {losses}  {bits}  {pace}", flush=True)
            self._speeds, self._mfus = [], []

    def show(self, done: int, found: Evaluated) -> None:
        means = "  ".join(
            f"{name} {mean:.3f}" for name, mean in found.means.items() if mean is not None
        )
        print(f"after {done} steps  {means}", flush=True)

    def close(self) -> None:
        self._bar.stop()
