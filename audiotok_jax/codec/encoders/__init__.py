"""Encoders, one file each: windows of samples to latents, and to tokens.

Parameters have two forms. In training they are a tree of float32 arrays; `release` converts it to
the form that defines the tokens, which is saved and loaded, and `restore` is its inverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from jax import Array

from audiotok_jax.codec.encoders.floating import FloatEncoder
from audiotok_jax.codec.encoders.integer import IntegerEncoder
from audiotok_jax.config import CodecConfig


class Encoder(Protocol):
    """Hashable; `latent` and `encode` are pure functions of arrays."""

    def init(self, key: Array) -> Any:
        """Fresh parameters to train, a tree of float32 arrays."""

    def latent(self, params: Any, wave: Array, dtype: Any) -> Array:
        """Latents of a window given with its halo, in training.

        From float32 (B, T * hop_length + sum(encoder_halo)) to (B, T, dim of the quantizer); the
        factors of the large matrix products have the given dtype.
        """

    def release(self, params: Any) -> Any:
        """The released form of trained parameters; ValueError if it fails `check`."""

    def restore(self, released: Any) -> Any:
        """The trained parameters whose `release` is `released`; ValueError if there are none."""

    def shapes(self) -> Any:
        """The released form, with a `jax.ShapeDtypeStruct` in place of each array."""

    def from_names(self, tree: Mapping[str, Any]) -> Any:
        """The released form, made from nested dicts of arrays by their names, as from a file."""

    def check(self, released: Any) -> None:
        """Raises ValueError if the tokens of these parameters could depend on the machine."""

    def encode(self, released: Any, wave: Array, dtype: Any) -> Array:
        """Tokens of a window as of `latent`, or int16: int32 (B, T) in [0, codebook_size)."""

    def start(self, released: Any, batch: int) -> Any:
        """The state of streams before their first samples, after infinite silence."""

    def step(self, released: Any, past: Any, wave: Array, dtype: Any) -> tuple[Any, Array]:
        """Tokens of the next frames of a stream.

        Args:
            past: the state, of `start` or of the previous step.
            wave: float32 or int16 (B, k * hop_length), the next samples.

        Returns:
            The next state, and the tokens of the last k frames with a complete halo, int32 (B, k).
        """


def of(config: CodecConfig) -> Encoder:
    """The encoder of a codec."""
    return FloatEncoder(config) if config.encoder == "float" else IntegerEncoder(config)
