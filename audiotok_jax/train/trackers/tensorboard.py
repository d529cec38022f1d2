"""TensorBoard logs, written without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import SummaryWriter

from audiotok_jax.evaluate.metrics import RATE
from audiotok_jax.train.evaluation import Evaluated, spectrograms


class TensorBoard:
    """Metrics of every step, and metrics, speech and spectrograms of evaluations.

    The histogram `bits` has a bar for each bit with the frequency of 1; 0.5 for all bits is best.
    """

    def __init__(self, folder: Path, first_step: int):
        """Opens a new file in `folder`; TensorBoard joins the curves of all files there.

        Later points of earlier sessions than `first_step`, whose evaluation was saved, are removed.
        """
        self._writer = SummaryWriter(
            str(folder), purge_step=first_step + 1, filename_suffix=f".{first_step}", flush_secs=30
        )
        self._written: set[str] = set()

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name == "bits":
                self._bars(step, value)
            elif name in ("audio_seconds_per_second", "mfu"):
                self._writer.add_scalar(f"speed/{name}", value, step)
            else:
                self._writer.add_scalar(f"train/{name}", value, step)

    def show(self, done: int, found: Evaluated) -> None:
        for name, mean in found.means.items():
            if mean is not None:
                self._writer.add_scalar(f"eval/{name}", mean, done)
        for sample in found.samples:
            waves = {"decoded": sample.decoded}
            if sample.name not in self._written:
                waves["original"] = sample.original
                self._written.add(sample.name)
            for kind, wave in waves.items():
                tag = f"{sample.name}/{kind}"
                self._writer.add_audio(tag, wave.clip(-1, 1), done, sample_rate=RATE)
            picture = spectrograms(sample)
            self._writer.add_image(f"{sample.name}/both", picture, done, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _bars(self, step: int, means: list[float]) -> None:
        bits = np.arange(len(means))
        self._writer.add_histogram_raw(
            "bits",
            min=0.0,
            max=float(len(means)),
            num=len(means),
            sum=float(np.sum(means)),
            sum_squares=float(np.sum(np.square(means))),
            bucket_limits=(bits + 1.0).tolist(),
            bucket_counts=means,
            global_step=step,
        )
