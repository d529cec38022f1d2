"""Spreads a batch over devices: its leading axis is cut, everything else is on each device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding

AXIS = "data"


def make_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh of the one axis "data" over `devices`; None stands for all of this process.

    Raises:
        ValueError: there is no device in `devices`, or one twice.
    """
    devices = jax.local_devices() if devices is None else list(devices)
    if not devices or len(set(devices)) < len(devices):
        raise ValueError("devices must name at least one device, and none twice")
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Puts a copy of all arrays of `tree` on each device."""
    return jax.device_put(tree, NamedSharding(mesh, jax.P()))


def shard(tree: Any, mesh: Mesh) -> Any:
    """Cuts the arrays of `tree`, each (devices * n, ...), into n rows for each device."""
    return jax.device_put(tree, NamedSharding(mesh, jax.P(AXIS)))


def over_devices(function: Callable[[Any, Any], Any], mesh: Mesh) -> Callable[[Any, Any], Any]:
    """Makes each device run `function` on its own rows, in a program for just so many rows.

    Args:
        function: takes a replicated tree and a tree of arrays (n, ...); returns a tree of arrays
            (n, ...).
        mesh: of `make_mesh`.

    Returns:
        The same function of arrays (devices * n, ...), to be called under `jax.jit`.
    """
    specs = (jax.P(), jax.P(AXIS))
    return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=jax.P(AXIS))


def over_devices_pmap(function: Callable[[Any, Any], Any], mesh: Mesh) -> Callable[[Any, Any], Any]:
    """The twin of `over_devices` by `jax.pmap`: compiled by itself, not to be called under jit."""
    count = mesh.devices.size
    mapped = jax.pmap(function, in_axes=(None, 0), devices=list(mesh.devices.flat))

    def run(shared: Any, rows: Any) -> Any:
        rows = jax.tree.map(lambda x: x.reshape(count, -1, *x.shape[1:]), rows)
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), mapped(shared, rows))

    return run
