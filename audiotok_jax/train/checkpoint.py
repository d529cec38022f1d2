"""Checkpoints of a run with Orbax; the only module that imports it."""

from __future__ import annotations

import json
import logging
import sys
import zlib
from pathlib import Path
from typing import Any

import jax
from orbax.checkpoint import multihost
from orbax.checkpoint import v1 as ocp

from audiotok_jax import files, jsonfile
from audiotok_jax.train.state import State

SUMS = "sums.json"
"""File in a save with sizes and CRC-32s of its other files, which Orbax does not check."""

_NEEDED = ("state/_METADATA", "state/manifest.ocdbt")
_PIECE = 1 << 20  # bytes read at once


class Checkpoints:
    """The most recent saves in a folder, and the best one; each complete or absent.

    They are written in the background. All processes take part, on one file system.

    Raises:
        ValueError: the last save, or the score of another one, is damaged; the message names the
            file and the save to continue from.
    """

    def __init__(self, folder: Path, keep: int):
        self._folder = folder.resolve()
        # Checked before Orbax reads them, as it reports damage in many lines.
        for step in self._steps():
            last = step == self._steps()[0]
            save = self._folder / str(step)
            self._refuse(step, _damage(save) if last else _damage_of_score(save))
        policies = ocp.training.preservation_policies
        best = policies.BestN(
            get_metric_fn=lambda metrics: metrics["score"],
            n=1,
            keep_checkpoints_without_metrics=False,
        )
        self._checkpointer = ocp.training.Checkpointer(
            self._folder,
            preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(keep), best]),
            cleanup_tmp_directories=True,
        )
        self._unsealed: list[Path] = []

    @property
    def latest(self) -> int | None:
        """Step of the last save; waits for one in progress."""
        self._checkpointer.wait()
        self._seal()
        latest = self._checkpointer.latest
        return None if latest is None else latest.step

    def save(self, step: int, state: State, score: float | None = None) -> None:
        """Starts a save, unless that step is saved already; the larger the score, the better."""
        if step == self.latest:
            return
        # Forced, as Orbax skips a save soon after another one.
        self._checkpointer.save_checkpointables_async(
            step,
            {"state": state._asdict()},
            metrics=None if score is None else {"score": score},
            force=True,
        )
        self._unsealed.append(self._folder / str(step))

    def restore(self, state: State) -> State:
        """The last save, with the shardings of `state`, of arrays or their shapes.

        Raises:
            ValueError: it is damaged; the message names the file and the save to use instead.
        """

        def abstract(leaf: jax.Array) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)

        step = self.latest
        if step is None:
            raise ValueError(f"{self._folder}: holds no save")
        parts = {"state": jax.tree.map(abstract, state._asdict())}
        hook, sys.unraisablehook = sys.unraisablehook, _silent
        try:
            found = self._checkpointer.load_checkpointables(step, parts)["state"]
        except Exception:  # a damaged save without `SUMS` may raise anything
            logging.getLogger("asyncio").disabled = True
            self._refuse(step, f"{self._folder / str(step)}: damaged")
            raise
        sys.unraisablehook = hook
        return State(**found)

    def close(self) -> None:
        """Waits for the last save."""
        self._checkpointer.close()
        self._seal()

    def _seal(self) -> None:
        """Adds `SUMS` to new saves."""
        done, self._unsealed = self._unsealed, []
        for save in done:
            if jax.process_index() == 0 and save.is_dir():  # it may have been removed
                sums = {str(path.relative_to(save)): _sum(path) for path in _files(save)}
                files.write(save / SUMS, json.dumps(sums) + "\n")

    def _steps(self) -> list[int]:
        """Steps of all saves, the last one first."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return sorted((int(one.name) for one in found if one.name.isdecimal()), reverse=True)

    def _refuse(self, step: int, damage: str | None) -> None:
        """Raises ValueError if there is damage, and names the save to use."""
        if damage is None:
            return
        if step != self._steps()[0]:
            raise ValueError(
                f"{damage}; remove {self._folder / str(step)}, which is not the last save, to go on"
            )
        for older in self._steps():
            if older < step and _damage(self._folder / str(older)) is None:
                raise ValueError(
                    f"{damage}; the next older save is {self._folder / str(older)}: remove those "
                    "after it to go on from there"
                )
        raise ValueError(f"{damage}; there is no older save to go on from")


def _damage(save: Path) -> str | None:
    """The damage of the files of a save, or None; without `SUMS`, only missing files."""
    for name in _NEEDED:
        if not (save / name).is_file():
            return f"{save / name}: missing"
    if not (save / SUMS).exists():
        return _damage_of_score(save)
    try:
        sums = jsonfile.load(save / SUMS, 2**26)
    except ValueError as error:
        return f"{save / SUMS}: damaged: {error}"
    for name, expected in sums.items():
        if not (save / name).is_file():
            return f"{save / name}: missing"
        if _sum(save / name) != expected:
            return f"{save / name}: damaged: not the bytes that were saved"
    return None


def _damage_of_score(save: Path) -> str | None:
    """The damage of the score of a save, or None; Orbax reads all scores when it starts."""
    path = save / "metrics" / "metrics"
    try:
        if path.exists() and not isinstance(jsonfile.load(path).get("score"), int | float):
            return f"{path}: damaged: no score"
    except ValueError as error:
        return f"{path}: damaged: {error}"
    return None


def _files(save: Path) -> list[Path]:
    return sorted(path for path in save.rglob("*") if path.is_file() and path.name != SUMS)


def _sum(path: Path) -> list[int]:
    """Size and CRC-32 of a file."""
    size = crc = 0
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            size, crc = size + len(piece), zlib.crc32(piece, crc)
    return [size, crc]


def _silent(found: Any) -> None:
    """Suppresses tracebacks after a failed restore, which is reported in one line.

    Threads of TensorStore call the event loop of Orbax after it is closed, and remaining coroutines
    are collected later.
    """


def barrier(name: str, minutes: float = 30.0) -> None:
    """Waits until all processes have reached it; `name` must be unique in a session.

    By the coordination service: a first collective between CPU devices would time out after half a
    minute, and processes may differ by more in compilation time.
    """
    wait = multihost.get_barrier_sync_fn()
    if wait is not None:
        wait(key=name, timeout_ms=round(minutes * 60_000))
