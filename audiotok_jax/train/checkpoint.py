"""Saves of a run with Orbax; the only module that imports it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grain
import jax
from orbax.checkpoint import v1 as ocp

from audiotok_jax.train.step import State


class Checkpoints:
    """The last few saves in a folder; written in the background, each complete or absent."""

    def __init__(self, folder: Path, keep: int):
        policy = ocp.training.preservation_policies.LatestN(keep)
        self._checkpointer = ocp.training.Checkpointer(
            folder.resolve(), preservation_policy=policy, cleanup_tmp_directories=True
        )

    @property
    def latest(self) -> int | None:
        """Step of the last save, waited for if it is under way."""
        self._checkpointer.wait()
        latest = self._checkpointer.latest
        return None if latest is None else latest.step

    def save(self, step: int, state: State, data: grain.DatasetIterator) -> None:
        """Starts a save of `state` and of the position of `data`, unless that step is saved."""
        if step == self.latest:
            return
        parts: dict[str, Any] = {"state": state._asdict(), "data": data}
        # By force: Orbax passes over a save that follows another closely.
        self._checkpointer.save_checkpointables_async(step, parts, force=True)

    def restore(self, state: State, data: grain.DatasetIterator) -> State:
        """The last save, shaped and placed like `state`; moves `data` to where it was."""

        def abstract(leaf: jax.Array) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)

        parts = {"state": jax.tree.map(abstract, state._asdict()), "data": data}
        restored = self._checkpointer.load_checkpointables(self.latest, parts)
        return State(**restored["state"])

    def close(self) -> None:
        """Waits for the last save."""
        self._checkpointer.close()
