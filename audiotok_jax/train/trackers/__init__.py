"""Trackers of metrics: files, the console, TensorBoard, Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from audiotok_jax import provenance
from audiotok_jax.train.config import Session, TrainConfig
from audiotok_jax.train.evaluation import Evaluated
from audiotok_jax.train.trackers.console import Console
from audiotok_jax.train.trackers.jsonl import JsonLines


class Tracker(Protocol):
    """Receives the metrics of a run."""

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Takes the metrics of a step, from 0; some steps include `bits`, a list of numbers."""

    def show(self, done: int, found: Evaluated) -> None:
        """Takes the results of an evaluation after `done` steps."""

    def close(self) -> None:
        """Flushes and closes the output."""


def check(session: Session) -> None:
    """Raises ValueError if a requested tracker is not installed."""
    if session.wandb is not None and provenance.version("wandb") is None:
        raise ValueError("session.wandb: needs the extra wandb: pip install 'audiotok_jax[wandb]'")


def open_trackers(out: Path, first_step: int, config: TrainConfig) -> list[Tracker]:
    """The trackers of a session, which write to the folder of the run.

    Entries from `first_step` on, of an earlier session that was killed, are removed where possible.
    """
    trackers: list[Tracker] = [JsonLines(out, first_step), Console(first_step, config)]
    if config.session.tensorboard:
        from audiotok_jax.train.trackers.tensorboard import TensorBoard

        trackers.append(TensorBoard(out / "tensorboard", first_step))
    if config.session.wandb is not None:
        from audiotok_jax.train.trackers.weights_and_biases import WeightsAndBiases

        trackers.append(WeightsAndBiases(out, config))
    return trackers
