"""The pass through the codec that losses are computed from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec import decoder, model
from audiotok_jax.config import CodecConfig


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


def forward(
    params: model.Params,
    config: CodecConfig,
    noisy: Array,
    recording: Array,
    keys: Array,
    dtype: Any,
    quantize: Callable[[Array], Array],
) -> Forward:
    """Encodes, quantizes and decodes clips, as `encode` and `decode` do.

    The only difference is what `decoder.reconstruct` takes from the recording.

    Args:
        noisy: float32 (B, T * hop_length), input of the encoder.
        recording: float32 (B, T * hop_length), `noisy` without added noise.
        keys: (B,), of random numbers for the decoder.
        quantize: makes codes of latents.
    """
    latent = encode(params, config, noisy, dtype)
    wave, terms = decoder.reconstruct(
        params["decoder"], config, quantize(latent), recording, keys, dtype
    )
    return Forward(wave, latent, terms)


def encode(params: model.Params, config: CodecConfig, noisy: Array, dtype: Any) -> Array:
    """Latents of whole clips, before quantization: (B, T * hop_length) -> (B, T, dim)."""
    return model.latent(params, config, jnp.pad(noisy, ((0, 0), config.encoder_halo)), dtype)
