"""Devices as a mesh, and how arrays lie on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from numpy.typing import NDArray

from audiotok_jax.forking import refuse_forked

AXES = ("data", "fsdp", "model")
"""Rows of a batch are cut along the first two; parameters along the last two."""

ROWS = jax.P(AXES[:2])


def make_mesh(devices: Sequence[jax.Device] | None = None, fsdp: int = 1, model: int = 1) -> Mesh:
    """A mesh of the axes "data", "fsdp" and "model".

    Args:
        devices: None stands for all of this process; those of several processes must be in the
            order of the processes.
        fsdp, model: lengths of these axes; "data" takes what is left.

    Raises:
        ValueError: the axes do not fit the number of devices, a device is named twice, or the
            axis "model" would reach over two processes (which read different rows).
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
    """A copy on each device."""
    return NamedSharding(mesh, jax.P())


def by_rows(mesh: Mesh) -> NamedSharding:
    """The leading axis is cut into equal numbers of rows."""
    return NamedSharding(mesh, ROWS)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Puts a copy of all arrays of `tree` on each device."""
    return jax.device_put(tree, replicated(mesh))


def shard(tree: Any, mesh: Mesh) -> Any:
    """Cuts the arrays of `tree`, each (devices * n, ...), into n rows for each device."""
    return jax.device_put(tree, by_rows(mesh))


def from_processes(tree: Any, mesh: Mesh) -> Any:
    """Global arrays from the rows that each process holds: its share of them, in order."""

    def join(rows: NDArray[Any]) -> jax.Array:
        return jax.make_array_from_process_local_data(by_rows(mesh), rows)

    return jax.tree.map(join, tree)


def over_devices(function: Callable[[Any, Any], Any], mesh: Mesh) -> Callable[[Any, Any], Any]:
    """Makes each device run `function` on its own rows, in a program for just so many rows.

    Args:
        function: takes a replicated tree and a tree of arrays (n, ...); returns a tree of arrays
            (n, ...).
        mesh: of `make_mesh`.

    Returns:
        The same function of arrays (devices * n, ...), to be called under `jax.jit`.
    """
    return jax.shard_map(function, mesh=mesh, in_specs=(jax.P(), ROWS), out_specs=ROWS)


def over_devices_pmap(function: Callable[[Any, Any], Any], mesh: Mesh) -> Callable[[Any, Any], Any]:
    """The twin of `over_devices` by `jax.pmap`: compiled by itself, not to be called under jit.

    In `function`, `jax.lax.pmean` and its kin may use the axis "data".
    """
    count = mesh.devices.size
    mapped = jax.pmap(function, AXES[0], in_axes=(None, 0), devices=list(mesh.devices.flat))

    def run(shared: Any, rows: Any) -> Any:
        rows = jax.tree.map(lambda x: x.reshape(count, -1, *x.shape[1:]), rows)
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), mapped(shared, rows))

    return run
