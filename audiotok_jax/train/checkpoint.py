"""Saves of a run with Orbax; the only module that imports it."""

from __future__ import annotations

from pathlib import Path

import jax
from orbax.checkpoint import multihost
from orbax.checkpoint import v1 as ocp

from audiotok_jax.train.step import State


class Checkpoints:
    """The last few saves in a folder, and the best one; each complete or absent.

    They are written in the background. All processes take part, on one file system.
    """

    def __init__(self, folder: Path, keep: int):
        policies = ocp.training.preservation_policies
        best = policies.BestN(
            get_metric_fn=lambda metrics: metrics["score"],
            n=1,
            keep_checkpoints_without_metrics=False,
        )
        self._checkpointer = ocp.training.Checkpointer(
            folder.resolve(),
            preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(keep), best]),
            cleanup_tmp_directories=True,
        )

    @property
    def latest(self) -> int | None:
        """Step of the last save, waited for if it is under way."""
        self._checkpointer.wait()
        latest = self._checkpointer.latest
        return None if latest is None else latest.step

    def save(self, step: int, state: State, score: float | None = None) -> None:
        """Starts a save, unless that step is saved.

        Args:
            score: of the averaged parameters, the larger the better.
        """
        if step == self.latest:
            return
        # By force: Orbax passes over a save that follows another closely.
        self._checkpointer.save_checkpointables_async(
            step,
            {"state": state._asdict()},
            metrics=None if score is None else {"score": score},
            force=True,
        )

    def restore(self, state: State) -> State:
        """The last save, placed as `state` is, whatever devices it was saved from.

        Args:
            state: arrays, or their shapes with shardings.
        """

        def abstract(leaf: jax.Array) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)

        parts = {"state": jax.tree.map(abstract, state._asdict())}
        return State(**self._checkpointer.load_checkpointables(self.latest, parts)["state"])

    def close(self) -> None:
        """Waits for the last save."""
        self._checkpointer.close()


def meet(name: str, minutes: float = 30.0) -> None:
    """Waits until all processes have come here; `name` must not occur twice in a session.

    They meet at the coordination service. A first exchange between the devices of CPUs would
    wait for half a minute only, and one process may compile for longer than another.
    """
    wait = multihost.get_barrier_sync_fn()
    if wait is not None:
        wait(key=name, timeout_ms=round(minutes * 60_000))
