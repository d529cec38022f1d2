"""Stage 2: training of the decoder against discriminators; encoder and tokens stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec.model import Params
from audiotok_jax.train import discriminators
from audiotok_jax.train.objectives.objective import Gradient, GradInputs, Objective
from audiotok_jax.train.state import Batch


class Stage2(Objective):
    """The objective of stage 2."""

    def trained(self, params: Params) -> Params:
        """The decoder."""
        return {"decoder": params["decoder"]}

    def discriminator(self) -> Any:
        key = jax.random.fold_in(jax.random.key(self.recipe.seed), 1)
        windows = self.recipe.discriminator_windows
        shortest = jnp.zeros((1, discriminators.shortest(windows)))
        return discriminators.Discriminators(windows).init(key, shortest)

    def gradient(
        self, inputs: GradInputs, batch: Batch, complete: Callable[[Any], Any]
    ) -> Gradient:
        """Zeros for the discriminators in steps that do not update them."""
        recipe, step = self.recipe, inputs.step
        apply = discriminators.Discriminators(recipe.discriminator_windows, self.dtype).apply

        def crop(wave: Array) -> Array:
            return self.crop(wave, recipe.discriminator_seconds, step)

        real = apply(inputs.discriminator, crop(batch.target))

        def total(trained: Params) -> tuple[Array, tuple[Array, dict[str, Array]]]:
            passed = self.forward(inputs.params | trained, inputs, batch)
            loss, results = self.reconstruction(passed, inputs, batch)
            fake = apply(inputs.discriminator, crop(passed.wave))
            terms = {
                "adversarial": discriminators.adversarial_loss(fake),
                "matching": discriminators.matching_loss(real, fake),
            }
            return loss + self.weighted(terms, step), (passed.wave, results | terms)

        trained = self.trained(inputs.params)
        (loss, (wave, results)), grads = jax.value_and_grad(total, has_aux=True)(trained)

        def told_apart(params: Any) -> Array:
            real, fake = apply(params, crop(batch.target)), apply(params, crop(wave))
            return discriminators.discriminator_loss(real, fake)

        of_discriminator, discriminator_grads = jax.lax.cond(
            step % recipe.discriminator_every == 0,
            lambda: jax.value_and_grad(told_apart)(inputs.discriminator),
            lambda: (jnp.float32(0), jax.tree.map(jnp.zeros_like, inputs.discriminator)),
        )
        results |= {"loss": loss, "discriminator": of_discriminator}
        return Gradient(grads, discriminator_grads, results)
