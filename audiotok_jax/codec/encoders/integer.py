"""The integer encoder: the same tokens on every machine; `codec.integer` holds its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec.integer import encoder, from_float, params
from audiotok_jax.codec.integer.params import Params
from audiotok_jax.config import CodecConfig


@dataclass(frozen=True)
class IntegerEncoder:
    """An `encoders.Encoder` that is trained as `from_float`, and released as `params.Params`."""

    config: CodecConfig

    def init(self, key: Array) -> Any:
        return from_float.init(key, self.config)

    def latent(self, params: Any, wave: Array, dtype: Any) -> Array:
        return from_float.apply(params, wave, self.config, dtype)

    def release(self, params: Any) -> Params:
        return from_float.to_integer(params, self.config)

    def restore(self, released: Params) -> Any:
        return from_float.from_integer(released, self.config)

    def shapes(self) -> Params:
        return params.shapes(self.config)

    def from_names(self, tree: Mapping[str, Any]) -> Params:
        return params.from_names(tree)

    def check(self, released: Params) -> None:
        params.check_ranges(released, self.config)

    def encode(self, released: Params, wave: Array, dtype: Any) -> Array:
        """Floats are rounded to int16; products are exact in any dtype."""
        return encoder.encode_window(released, self.config, _integers(wave)).astype(jnp.int32)

    def start(self, released: Params, batch: int) -> Any:
        return encoder.init_state(released, self.config, batch)

    def step(self, released: Params, past: Any, wave: Array, dtype: Any) -> tuple[Any, Array]:
        past, tokens = encoder.encode_step(released, self.config, past, _integers(wave))
        return past, tokens.astype(jnp.int32)


def _integers(wave: Array) -> Array:
    return wave if wave.dtype == jnp.int16 else encoder.to_int16(wave)
