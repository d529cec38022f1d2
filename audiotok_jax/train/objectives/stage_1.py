"""Stage 1: training of all parts, on distances to the references and a regularizer of the codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import Array

from audiotok_jax.codec import quantizers
from audiotok_jax.codec.model import Params
from audiotok_jax.train.objectives.objective import Gradient, GradInputs, Objective
from audiotok_jax.train.state import Batch


class Stage1(Objective):
    """The objective of stage 1."""

    def trained(self, params: Params) -> Params:
        """All parameters."""
        return params

    def statistics(self, params: Params, batch: Batch) -> Any:
        """The quantizer's statistics, see `Quantizer.statistics`."""
        return quantizers.of(self.codec).statistics(self.encode(params, batch))

    def gradient(
        self, inputs: GradInputs, batch: Batch, complete: Callable[[Any], Any]
    ) -> Gradient:
        quantizer = quantizers.of(self.codec)

        def total(params: Params) -> tuple[Array, dict[str, Array]]:
            passed = self.forward(params, inputs, batch)
            loss, results = self.reconstruction(passed, inputs, batch)
            own = quantizer.statistics(passed.latent)
            still = jax.lax.stop_gradient(own)
            # The value of the whole batch with the gradient of a part, whose mean is the right one.
            whole = jax.tree.map(lambda w, o, s: w + (o - s), complete(still), own, still)
            terms, told = quantizer.regularizer(passed.latent, whole)
            return loss + self.weighted(terms, inputs.step), results | terms | told

        (loss, results), grads = jax.value_and_grad(total, has_aux=True)(inputs.params)
        return Gradient(grads, {}, results | {"loss": loss})
