"""The training step.

Every loss is a mean over examples, or a function of such means (`Objective.statistics`), so that
the gradient of a batch is the mean of the gradients of its parts: gradient accumulation, sharding
with `jax.jit` and the equivalent with `jax.pmap` all give the step of the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.sharding import Mesh

from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.parallel import AXES, ROWS
from audiotok_jax.settings import pinned
from audiotok_jax.train import objectives, optimizer
from audiotok_jax.train.config import Recipe
from audiotok_jax.train.objectives.objective import Gradient, GradInputs, Networks
from audiotok_jax.train.state import Batch, State


@pinned("default")
def create(params: Params, codec: CodecConfig, recipe: Recipe) -> State:
    """The state before the first step."""
    objective = objectives.of(codec, recipe)
    discriminator = objective.discriminator()
    return State(
        step=jnp.int32(0),
        skipped=jnp.int32(0),
        skipped_in_a_row=jnp.int32(0),
        params=params,
        ema=jax.tree.map(jnp.copy, params),
        optimizer=optimizer.of_codec(recipe).init(objective.trained(params)),
        discriminator=discriminator,
        discriminator_optimizer=optimizer.of_discriminator(recipe).init(discriminator),
    )


@pinned("default")
def update(
    state: State,
    batch: Batch,
    codec: CodecConfig,
    recipe: Recipe,
    mesh: Mesh | None = None,
    networks: Networks | None = None,
) -> tuple[State, dict[str, Array]]:
    """One step; to be jitted with `codec`, `recipe` and `mesh` static and `state` donated.

    Args:
        mesh: each device computes the gradient of its own rows, so that only gradients are
            exchanged (by itself, XLA would gather the frames of every Fourier transform); None for
            one device.
        networks: of the losses of the recipe, on all devices.

    Returns:
        The next state, and results of this step: the scalars `loss` and its terms, `gradient_norm`,
        `learning_rate`, `skipped` (so far), `skipped_in_a_row`, `stop_request` (the highest) and
        `bits` (float32 (bits,), frequency of 1 for each bit).
    """
    inputs = GradInputs(state.step, state.params, state.discriminator, networks or {})
    if mesh is None:
        found = gradient(inputs, batch, codec, recipe, lambda tree: tree)
    else:
        axes = AXES[:2]

        def of_rows(inputs: GradInputs, batch: Batch) -> Gradient:
            return gradient(inputs, batch, codec, recipe, lambda x: jax.lax.pmean(x, axes))

        found = jax.shard_map(
            of_rows,
            mesh=mesh,
            in_specs=(jax.P(), ROWS),
            out_specs=jax.P(),
            axis_names=set(axes),
            check_vma=False,
        )(inputs, batch)
    return apply(state, found, batch, codec, recipe)


def gradient(
    inputs: GradInputs,
    batch: Batch,
    codec: CodecConfig,
    recipe: Recipe,
    average: Callable[[Any], Any],
) -> Gradient:
    """Gradient of a batch, in `recipe.accumulate` parts.

    Args:
        average: mean of a tree of arrays over all devices with other rows of the batch.
    """
    objective = objectives.of(codec, recipe)
    if recipe.accumulate == 1:
        return average(objective.gradient(inputs, batch, average))
    parts = _split(batch, recipe.accumulate)
    # Statistics of the whole batch must be known before the gradient of its first part.
    found = jax.lax.map(lambda part: objective.statistics(inputs.params, part), parts)
    whole = average(jax.tree.map(lambda x: jnp.mean(x, axis=0), found))

    def of_part(part: Batch) -> Gradient:
        return objective.gradient(inputs, part, lambda _: whole)

    first = jax.tree.map(lambda x: x[0], parts)
    zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(of_part, first))
    total, _ = jax.lax.scan(
        lambda total, part: (jax.tree.map(jnp.add, total, of_part(part)), None), zero, parts
    )
    return average(jax.tree.map(lambda x: x / recipe.accumulate, total))


def apply(
    state: State, gradient: Gradient, batch: Batch, codec: CodecConfig, recipe: Recipe
) -> tuple[State, dict[str, Array]]:
    """Applies the gradient of a whole batch, unless it is not finite; see `update`."""
    grads, discriminator_grads, results = gradient
    trained = objectives.of(codec, recipe).trained(state.params)
    updates, moments = optimizer.of_codec(recipe).update(grads, state.optimizer, trained)
    params = state.params | optax.apply_updates(trained, updates)
    # Early on, the average follows closely, as it would otherwise retain random weights.
    step = state.step.astype(jnp.float32)
    decay = jnp.minimum(recipe.ema, (1 + step) / (10 + step))
    ema = jax.tree.map(lambda old, new: old + (1 - decay) * (new - old), state.ema, params)
    discriminator, discriminator_moments = _update_discriminator(state, discriminator_grads, recipe)
    norm = optax.tree.norm((grads, discriminator_grads))
    good = state._replace(
        skipped_in_a_row=jnp.int32(0),
        params=params,
        ema=ema,
        optimizer=moments,
        discriminator=discriminator,
        discriminator_optimizer=discriminator_moments,
    )
    bad = state._replace(skipped=state.skipped + 1, skipped_in_a_row=state.skipped_in_a_row + 1)
    finite = jnp.isfinite(results["loss"]) & jnp.isfinite(norm)
    state = jax.tree.map(lambda good, bad: jnp.where(finite, good, bad), good, bad)
    results |= {
        "gradient_norm": norm,
        "learning_rate": optimizer.learning_rate(recipe)(state.step),
        "skipped": state.skipped,
        "skipped_in_a_row": state.skipped_in_a_row,
        "stop_request": jnp.max(batch.stop_request),
    }
    return state._replace(step=state.step + 1), results


def _update_discriminator(state: State, grads: Any, recipe: Recipe) -> tuple[Any, Any]:
    """The discriminators and their moments after a step."""
    old = state.discriminator, state.discriminator_optimizer
    if not state.discriminator:
        return old

    def new() -> tuple[Any, Any]:
        params, moments = old
        updates, moments = optimizer.of_discriminator(recipe).update(grads, moments, params)
        return optax.apply_updates(params, updates), moments

    return jax.lax.cond(state.step % recipe.discriminator_every == 0, new, lambda: old)


def _split(batch: Batch, count: int) -> Batch:
    """Reshapes arrays (B, ...) to (count, B / count, ...) so that each device keeps its rows."""
    return jax.tree.map(lambda x: jnp.swapaxes(x.reshape(-1, count, *x.shape[1:]), 0, 1), batch)
