"""The codec as pure functions over a tree of parameters.

Parameters are {"encoder": tree, "decoder": tree}, and the encoder's have two forms, see `encoders`:
`init` and `latent` use the one for training, and `release` converts it to the one for all else.

A clip is a function of time that is zero outside its samples; likewise a token stream holds
"no token" (-1) outside its frames. `encode` and `decode` extend their input by the halo, so that
what they return for a frame is what a window around that frame gives.

The argument `dtype` is that of the factors of the large matrix products, float32 or bfloat16;
sums, spectra, norms and the quantizer are float32 always.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec import decoder, encoders, quantizers
from audiotok_jax.codec.decoder import Decoder
from audiotok_jax.config import CodecConfig
from audiotok_jax.settings import pinned

Params = dict[str, Any]


@pinned()
def init(key: Array, config: CodecConfig) -> Params:
    """Fresh parameters to train, float32 arrays."""
    encoder_key, decoder_key = jax.random.split(key)
    shape = (1, 1 + sum(config.decoder_halo), quantizers.of(config).dim)
    codes = jnp.zeros(shape, jnp.float32)
    return {
        "encoder": encoders.of(config).init(encoder_key),
        "decoder": Decoder(config).init(decoder_key, codes)["params"],
    }


@pinned()
def latent(params: Params, config: CodecConfig, wave: Array, dtype: Any = jnp.float32) -> Array:
    """Latents before quantization, (B, T * hop_length + sum(encoder_halo)) -> (B, T, dim)."""
    return encoders.of(config).latent(params["encoder"], wave, dtype)


def release(params: Params, config: CodecConfig) -> Params:
    """The released form of trained parameters; ValueError if it could not be exact."""
    return params | {"encoder": encoders.of(config).release(params["encoder"])}


def restore(released: Params, config: CodecConfig) -> Params:
    """The trained parameters whose `release` is `released`; ValueError if there are none."""
    return released | {"encoder": encoders.of(config).restore(released["encoder"])}


@pinned()
def shapes(config: CodecConfig) -> Params:
    """The released form, with a `jax.ShapeDtypeStruct` in place of each array."""
    of_decoder = jax.eval_shape(lambda: init(jax.random.key(0), config)["decoder"])
    return {"encoder": encoders.of(config).shapes(), "decoder": of_decoder}


@pinned()
def encode_window(
    params: Params, config: CodecConfig, wave: Array, dtype: Any = jnp.float32
) -> Array:
    """Tokens of a window, int32 (B, T) in [0, codebook_size).

    The window is given with its halo: float32 or int16 (B, T * hop_length + sum(encoder_halo)).
    """
    return encoders.of(config).encode(params["encoder"], wave, dtype)


@pinned()
def prepare(
    params: Params, config: CodecConfig, tokens: Array, dtype: Any = jnp.float32
) -> tuple[Any, Any]:
    """First phase of decoding a window, see `decoder.prepare`; `decoder.render` is the second.

    The window is given with its halo: int32 (B, T + sum(decoder_halo)), -1 outside the clip.
    """
    codes = quantizers.of(config).decode(tokens)
    return decoder.prepare(params["decoder"], config, codes, dtype)


@pinned()
@functools.partial(jax.jit, static_argnames=("config", "dtype"))
def encode(params: Params, config: CodecConfig, wave: Array, dtype: Any = jnp.float32) -> Array:
    """Tokens of whole clips.

    Args:
        wave: float32 or int16 (B, S) at `config.sample_rate`, S >= 1.

    Returns:
        int32 (B, T) in [0, codebook_size), T = ceil(S / hop_length).
    """
    left, right = config.encoder_halo
    rest = -wave.shape[1] % config.hop_length
    wave = jnp.pad(wave, ((0, 0), (left, right + rest)))
    return encode_window(params, config, wave, dtype)


@pinned()
@functools.partial(jax.jit, static_argnames=("config", "dtype"))
def decode(params: Params, config: CodecConfig, tokens: Array, dtype: Any = jnp.float32) -> Array:
    """Waveforms of whole token streams.

    Args:
        tokens: int (B, T) in [0, codebook_size), T >= 1.

    Returns:
        float32 (B, T * hop_length) at `config.sample_rate`.
    """
    outside = ((0, 0), config.decoder_halo)
    tokens = jnp.pad(tokens.astype(jnp.int32), outside, constant_values=-1)
    parts, _ = prepare(params, config, tokens, dtype)
    return decoder.render(config, parts, decoder.start(config, len(tokens)))
