"""Optimizers of the codec and of the discriminators, and their learning rate."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from audiotok_jax.train.config import Recipe
from audiotok_jax.train.schedule import value_at

# By stage: the default peak learning rate, and the decay rates of the moments of Adam.
PEAK_RATE = {1: 1e-3, 2: 2e-4}
BETAS = {1: (0.9, 0.98), 2: (0.8, 0.99)}
EPSILON = 1e-6
"""Of AdamW. Gradients are about 1e-4; with a smaller value, rounding errors, which depend on the
number of devices, would change parameters as much as gradients do."""


def learning_rate(recipe: Recipe) -> optax.Schedule:
    """The learning rate as a function of the step; see `Recipe.learning_rate`."""
    if isinstance(recipe.learning_rate, tuple):
        points = recipe.learning_rate
        return lambda step: value_at(points, step)
    peak = recipe.learning_rate or PEAK_RATE[recipe.stage]
    warmup = min(recipe.warmup, recipe.steps // 2)
    rate = optax.warmup_cosine_decay_schedule(0.0, peak, warmup, recipe.steps, 0.02 * peak)
    return lambda step: rate(jnp.asarray(step, jnp.float32))


def of_codec(recipe: Recipe) -> optax.GradientTransformation:
    """AdamW with clipping, for the trained part of the codec."""
    return _adamw(recipe, learning_rate(recipe))


def of_discriminator(recipe: Recipe) -> optax.GradientTransformation:
    """The same for the discriminators, which are updated every `discriminator_every` steps."""
    rate = learning_rate(recipe)
    every, factor = recipe.discriminator_every, recipe.discriminator_rate
    return _adamw(recipe, lambda count: factor * rate(every * count))


def _adamw(recipe: Recipe, rate: optax.Schedule) -> optax.GradientTransformation:
    init, update = optax.chain(
        optax.clip_by_global_norm(recipe.clip),
        optax.adamw(rate, *BETAS[recipe.stage], EPSILON, weight_decay=recipe.weight_decay),
    )

    def promoting(*args: Any) -> Any:
        with jax.numpy_dtype_promotion("standard"):  # Optax raises floats to integer powers
            return update(*args)

    return optax.GradientTransformation(init, promoting)
