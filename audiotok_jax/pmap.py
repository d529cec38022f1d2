"""Equivalents with `jax.pmap` of the functions that use `jax.shard_map`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
from jax import Array
from jax.sharding import Mesh

from audiotok_jax.config import CodecConfig
from audiotok_jax.parallel import AXES
from audiotok_jax.settings import pinned
from audiotok_jax.train import step
from audiotok_jax.train.config import Recipe
from audiotok_jax.train.objectives.objective import GradInputs, Networks
from audiotok_jax.train.state import Batch, State


def over_devices_pmap(function: Callable[[Any, Any], Any], mesh: Mesh) -> Callable[[Any, Any], Any]:
    """Equivalent of `parallel.over_devices`; compiled by itself, not to be called under jit.

    Collectives in `function`, such as `jax.lax.pmean`, may use the axis "data".
    """
    count = mesh.devices.size
    mapped = jax.pmap(function, AXES[0], in_axes=(None, 0), devices=list(mesh.devices.flat))

    def run(shared: Any, rows: Any) -> Any:
        joined = mapped(shared, _cut(rows, count))
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), joined)

    return run


def update_by_pmap(
    codec: CodecConfig,
    recipe: Recipe,
    devices: Sequence[jax.Device],
    networks: Networks | None = None,
) -> Callable[[State, Batch], tuple[State, dict[str, Array]]]:
    """Equivalent of `train.step.update`: each device has a copy of the state and its rows."""

    @pinned("default")
    def on_each(state: State, batch: Batch, networks: Networks) -> tuple[State, dict[str, Array]]:
        inputs = GradInputs(state.step, state.params, state.discriminator, networks)
        mean = partial(jax.lax.pmean, axis_name=AXES[0])
        found = step.gradient(inputs, batch, codec, recipe, mean)
        return step.apply(state, found, batch, codec, recipe)

    mapped = jax.pmap(on_each, AXES[0], in_axes=(None, 0, None), devices=devices)

    def run(state: State, batch: Batch) -> tuple[State, dict[str, Array]]:
        results = mapped(state, _cut(batch, len(devices)), networks or {})
        return jax.tree.map(lambda x: x[0], results)

    return run


def _cut(rows: Any, count: int) -> Any:
    """Arrays (B, ...) to (count, B / count, ...)."""
    return jax.tree.map(lambda x: x.reshape(count, -1, *x.shape[1:]), rows)
