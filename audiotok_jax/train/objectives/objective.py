"""The base class of objectives, what a stage of training minimises."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.codec import decoder, model, quantizers
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.train.config import Recipe
from audiotok_jax.train.schedule import value_at
from audiotok_jax.train.state import Batch

Networks = dict[str, Any]
"""Frozen networks of losses, by the names of the losses; see `Loss.open`."""


class GradInputs(NamedTuple):
    """Inputs of a gradient besides its batch: parts of a `State`, and frozen networks."""

    step: Array
    params: Params
    discriminator: Any
    networks: Networks


class Forward(NamedTuple):
    """Results of one pass through the codec, for B clips of T frames.

    Attributes:
        wave: float32 (B, T * hop_length), decoded.
        latent: float32 (B, T, dim), before quantization.
        terms: named loss terms of the decoder, scalars.
    """

    wave: Array
    latent: Array
    terms: dict[str, Array]


class Gradient(NamedTuple):
    """Gradients of the trained parameters and of the discriminators, and scalars to report."""

    trained: Params
    discriminator: Any
    results: dict[str, Array]


@dataclasses.dataclass(frozen=True)
class Objective(abc.ABC):
    """The trained parameters of a stage, and their gradient; pure functions of arrays."""

    codec: CodecConfig
    recipe: Recipe

    @abc.abstractmethod
    def trained(self, params: Params) -> Params:
        """The part of the parameters that is trained."""

    def discriminator(self) -> Any:
        """Fresh parameters of the discriminators; empty where there are none."""
        return {}

    def statistics(self, params: Params, batch: Batch) -> Any:
        """Statistics of a batch for `gradient`; the mean over equal parts is that of the whole."""
        return {}

    @abc.abstractmethod
    def gradient(
        self, inputs: GradInputs, batch: Batch, complete: Callable[[Any], Any]
    ) -> Gradient:
        """Gradient of some rows of a batch.

        Args:
            complete: turns the `statistics` of these rows into those of the whole batch.
        """

    def encode(self, params: Params, batch: Batch) -> Array:
        """Latents of the rows of a batch before quantization, float32 (B, T, dim)."""
        wave = jnp.pad(batch.noisy, ((0, 0), self.codec.encoder_halo))
        return model.latent(params, self.codec, wave, self.dtype)

    def forward(self, params: Params, inputs: GradInputs, batch: Batch) -> Forward:
        """Encodes, quantizes and decodes the rows of a batch, as `model.encode` and `decode` do.

        The only difference is what `decoder.reconstruct` takes from the recording.
        """
        recipe, quantizer = self.recipe, quantizers.of(self.codec)
        keys = jax.vmap(lambda row: jax.random.fold_in(self._key(inputs.step), row))(batch.row)
        latent = self.encode(params, batch)
        draws = None
        if recipe.flip_near or recipe.flip_anywhere:
            # Other numbers than those that the decoder draws with the same keys.
            own = jax.vmap(lambda key: jax.random.fold_in(key, 1))(keys)
            draws = jax.vmap(lambda key: jax.random.uniform(key, latent.shape[1:]))(own)
        codes = quantizer.quantize(latent, draws, recipe.flip_near, recipe.flip_anywhere)
        wave, terms = decoder.reconstruct(
            params["decoder"], self.codec, codes, batch.recording, keys, self.dtype
        )
        return Forward(wave, latent, terms)

    def reconstruction(
        self, passed: Forward, inputs: GradInputs, batch: Batch
    ) -> tuple[Array, dict[str, Array]]:
        """Weighted sum of the recipe's losses and of the decoder's terms, and all of them."""
        references = {"recording": batch.recording, "target": batch.target}
        total, terms = self.weighted(passed.terms, inputs.step), dict(passed.terms)
        for loss in self.recipe.active_losses:
            wave, reference = (
                self.crop(x, loss.seconds, inputs.step)
                for x in (passed.wave, references[loss.reference])
            )
            network = inputs.networks.get(loss.name)
            terms[loss.name] = jnp.mean(loss(wave, reference, self.codec.sample_rate, network))
            total += value_at(loss.weight, inputs.step) * terms[loss.name]
        tokens = quantizers.of(self.codec).encode(passed.latent)
        bits = tokens[..., None] >> np.arange(self.codec.bits, dtype=np.int32)[None, None] & 1
        return total, terms | {"bits": jnp.mean(bits.astype(jnp.float32), axis=(0, 1))}

    def weighted(self, terms: Mapping[str, Array], step: Array) -> Array:
        """Sum of terms, each times the recipe's schedule NAME_weight."""
        values = [
            value_at(getattr(self.recipe, f"{name}_weight"), step) * term
            for name, term in terms.items()
        ]
        return jnp.sum(jnp.stack(values)) if values else jnp.float32(0)

    def crop(self, wave: Array, seconds: float | None, step: Array) -> Array:
        """A random part of `seconds`, the same of all rows and new in each step; or whole rows."""
        length = wave.shape[1] if seconds is None else int(seconds * self.codec.sample_rate)
        if length >= wave.shape[1]:
            return wave
        first = jax.random.randint(self._key(step), (), 0, wave.shape[1] - length + 1)
        return jax.lax.dynamic_slice_in_dim(wave, first, length, axis=1)

    @property
    def dtype(self) -> Any:
        """Of the factors of large matrix products."""
        return jnp.dtype(self.recipe.precision)

    def _key(self, step: Array) -> Array:
        return jax.random.fold_in(jax.random.key(self.recipe.seed), step)
