"""Trackers: files, the console, TensorBoard, Weights & Biases."""

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
        """Takes the numbers of a step, from 0; now and then also `bits`, a list of numbers."""

    def show(self, done: int, found: Evaluated) -> None:
        """Takes what an evaluation found after `done` steps."""

    def close(self) -> None:
        """Writes what is still held back."""


def check(session: Session) -> None:
    """Raises ValueError if a tracker that is asked for is not installed."""
    if session.wandb is not None and provenance.version("wandb") is None:
        raise ValueError("session.wandb: Weights & Biases is not there: pip install wandb")


def open_trackers(out: Path, first_step: int, config: TrainConfig) -> list[Tracker]:
    """Those that a session asks for.

    Args:
        out: folder of the run.
        first_step: of the session; what an earlier one, that was killed, wrote of this step and
            of later ones is taken out where that can be done.
        config: of the run.
    """
    trackers: list[Tracker] = [JsonLines(out, first_step), Console(first_step, config)]
    if config.session.tensorboard:
        from audiotok_jax.train.trackers.tensorboard import TensorBoard

        trackers.append(TensorBoard(out / "tensorboard", first_step))
    if config.session.wandb is not None:
        from audiotok_jax.train.trackers.weights_and_biases import WeightsAndBiases

        trackers.append(WeightsAndBiases(out, config))
    return trackers
