"""Device meshes, and the placement of arrays on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding

from audiotok_jax.forking import refuse_forked

AXES = ("data", "fsdp", "model")
"""Rows of a batch are sharded over the first two, parameters over the last two."""

ROWS = jax.P(AXES[:2])


def make_mesh(devices: Sequence[jax.Device] | None = None, fsdp: int = 1, model: int = 1) -> Mesh:
    """A mesh with the axes "data", "fsdp" and "model".

    Args:
        devices: None is all of this process; those of several processes must be in the order of
            the processes.
        fsdp, model: lengths of these axes; "data" takes the remaining devices.

    Raises:
        ValueError: the axes do not fit the number of devices, a device is listed twice, or the axis
            "model" would span processes (which read different rows).
        RuntimeError: this process was forked after JAX had started.
    """
    refuse_forked()
    devices = jax.local_devices() if devices is None else list(devices)
    if not devices or len(set(devices)) < len(devices):
        raise ValueError("devices must name at least one device, and none twice")
    if fsdp < 1 or model < 1 or len(devices) % (fsdp * model):
        raise ValueError(
            f"{len(devices)} devices cannot be cut into fsdp={fsdp} times model={model}"
        )
    grid = np.array(devices).reshape(-1, fsdp, model)
    for column in grid.reshape(-1, model):
        if len({device.process_index for device in column}) > 1:
            raise ValueError(f"model={model} is more than the devices of one process")
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of arrays with a copy on each device."""
    return NamedSharding(mesh, jax.P())


def by_rows(mesh: Mesh) -> NamedSharding:
    """The sharding of arrays by rows, an equal number on each device."""
    return NamedSharding(mesh, ROWS)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Puts a copy of all arrays of `tree` on each device."""
    return jax.device_put(tree, replicated(mesh))


def shard(tree: Any, mesh: Mesh) -> Any:
    """Shards the arrays of `tree`, each (devices * n, ...), into n rows per device."""
    return jax.device_put(tree, by_rows(mesh))


def from_processes(tree: Any, mesh: Mesh) -> Any:
    """Global arrays from the rows of each process, in the order of the processes."""
    return jax.tree.map(partial(jax.make_array_from_process_local_data, by_rows(mesh)), tree)


def over_devices(function: Callable[[Any, Any], Any], mesh: Mesh) -> Callable[[Any, Any], Any]:
    """A function that runs `function` on each device with the rows of that device.

    Args:
        function: takes a replicated tree and a tree of arrays (n, ...); returns a tree of arrays
            (n, ...).

    Returns:
        The same function of arrays (devices * n, ...), to be called under `jax.jit`.
    """
    return jax.shard_map(function, mesh=mesh, in_specs=(jax.P(), ROWS), out_specs=ROWS)


def cores() -> int:
    """Number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on all systems
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
