"""Saves of a run with Orbax; the only module that imports it."""

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

from audiotok_jax import jsonfile
from audiotok_jax.files import replacing
from audiotok_jax.train.state import State

SUMS = "sums.json"
"""In the folder of a save: size and CRC-32 of each of its other files, which Orbax lacks."""

_NEEDED = ("state/_METADATA", "state/manifest.ocdbt")
_PIECE = 1 << 20  # bytes that are read at once


class Checkpoints:
    """The last few saves in a folder, and the best one; each complete or absent.

    They are written in the background. All processes take part, on one file system.

    Raises:
        ValueError: the last save, or the score of another one, is damaged; the message names the
            file and what to go on from.
    """

    def __init__(self, folder: Path, keep: int):
        self._folder = folder.resolve()
        # Before Orbax looks at them, which tells of damage in many lines.
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
        """Step of the last save, waited for if it is under way."""
        self._checkpointer.wait()
        self._seal()
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
        self._unsealed.append(self._folder / str(step))

    def restore(self, state: State) -> State:
        """The last save, placed as `state` is, whatever devices it was saved from.

        Args:
            state: arrays, or their shapes with shardings.

        Raises:
            ValueError: it is damaged; the message names the file and the save to use instead.
        """

        def abstract(leaf: jax.Array) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)

        step = self.latest
        if step is None:
            raise ValueError(f"{self._folder}: holds no save")
        parts = {"state": jax.tree.map(abstract, state._asdict())}
        told, sys.unraisablehook = sys.unraisablehook, _silent
        try:
            found = self._checkpointer.load_checkpointables(step, parts)["state"]
        except Exception:  # of a save that has no `SUMS`; it may be of any kind
            logging.getLogger("asyncio").disabled = True
            self._refuse(step, f"{self._folder / str(step)}: damaged")
            raise
        sys.unraisablehook = told
        return State(**found)

    def close(self) -> None:
        """Waits for the last save."""
        self._checkpointer.close()
        self._seal()

    def _seal(self) -> None:
        """Adds `SUMS` to the saves that were made since."""
        done, self._unsealed = self._unsealed, []
        for save in done:
            if jax.process_index() == 0 and save.is_dir():  # maybe it is not kept any more
                sums = {str(path.relative_to(save)): _sum(path) for path in _files(save)}
                with replacing(save / SUMS) as temporary:
                    temporary.write_text(json.dumps(sums) + "\n", encoding="utf-8")

    def _steps(self) -> list[int]:
        """Those of all saves, the last one first."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return sorted((int(one.name) for one in found if one.name.isdecimal()), reverse=True)

    def _refuse(self, step: int, damage: str | None) -> None:
        """Raises ValueError if there is damage, and says which save to use."""
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
    """What is wrong with the files of a save; of one without `SUMS`, whether they are there."""
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
    """What is wrong with the score of a save; Orbax reads those of all saves when it starts."""
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
    """Tells of no tracebacks from a reading that fails.

    Threads of TensorStore answer to Orbax's event loop when it is closed, and what is left of its
    coroutines is collected later: both have no more to say than the one line that is told.
    """


def barrier(name: str, minutes: float = 30.0) -> None:
    """Waits until all processes have come here; `name` must not occur twice in a session.

    By the coordination service: a first exchange between devices of CPUs would time out after
    half a minute, and one process may compile for longer than another.
    """
    wait = multihost.get_barrier_sync_fn()
    if wait is not None:
        wait(key=name, timeout_ms=round(minutes * 60_000))
