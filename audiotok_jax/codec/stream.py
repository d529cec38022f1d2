"""Streams: the codec frame by frame, as pure functions of a state.

For a batch of streams, `encode_step` takes the next k * hop_length samples of each and returns k
tokens; `decode_step` takes the next k tokens and returns k * hop_length samples. Any k will do, one
per compiled program. Both may be jitted (`config` and `dtype` static, the state donated) and
vmapped; `dtype` is as in `codec.model`. The tokens are those of `model.encode`, exactly with an
integer encoder and up to rounding with a float one; the speech is that of `model.decode` up to
rounding.

Frames depend on later ones, so the first outputs lie before the clip: the encoder marks them by -1,
the decoder's are silent. At the end of a clip, `encoder_delay` frames of silence, or
`decoder_delay` tokens of -1, bring out the last frames.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec import encoders, heads, quantizers
from audiotok_jax.codec.decoder import Decoder
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.settings import pinned


class EncoderState(NamedTuple):
    """The state of the encoder; rows are streams.

    Attributes:
        past: of the encoder, see `encoders`.
        early: int32 (B,), number of tokens that still precede that of the first frame.
    """

    past: Any
    early: Array


class DecoderState(NamedTuple):
    """The state of the decoder; rows are streams.

    Attributes:
        past: of the network, see `blocks.ConvNeXtStack`.
        controls: of the head, of the last sum(control_halo) frames.
        carry: of the head, at the next frame.
        early: int32 (B,), number of frames that still precede the first one of the clip.
        begun: bool (B,), whether there has been a token.
    """

    past: Any
    controls: Any
    carry: Any
    early: Array
    begun: Array


def lead(config: CodecConfig) -> int:
    """Number of zeros before the samples of a clip, which make its frames end where steps do.

    Otherwise a step would wait for samples that it does not depend on.
    """
    return -config.encoder_halo[1] % config.hop_length


def encoder_delay(config: CodecConfig) -> int:
    """Number of tokens that precede that of the first frame."""
    return (config.encoder_halo[1] + lead(config)) // config.hop_length


def decoder_delay(config: CodecConfig) -> int:
    """Number of frames that precede that of the first token."""
    return config.decoder_halo[1]


@pinned()
def start_encoder(params: Params, config: CodecConfig, batch: int) -> EncoderState:
    """The state of streams before their first samples, after endless silence."""
    past = encoders.of(config).start(params["encoder"], batch)
    return EncoderState(past, jnp.full(batch, encoder_delay(config), jnp.int32))


@pinned()
def encode_step(
    params: Params,
    config: CodecConfig,
    state: EncoderState,
    samples: Array,
    dtype: Any = jnp.float32,
) -> tuple[EncoderState, Array]:
    """Tokens of the next frames.

    Args:
        params: in the released form.
        state: of `start_encoder`, or of the previous step.
        samples: int16 or float32 (B, k * hop_length); those of a clip begin with `lead` zeros.

    Returns:
        The next state, and int32 (B, k), -1 before the first frame.
    """
    past, tokens = encoders.of(config).step(params["encoder"], state.past, samples, dtype)
    waits = jnp.arange(tokens.shape[1], dtype=jnp.int32)[None] < state.early[:, None]
    left = jnp.maximum(state.early - tokens.shape[1], 0)
    return EncoderState(past, left), jnp.where(waits, -1, tokens)


@pinned()
def start_decoder(params: Params, config: CodecConfig, batch: int) -> DecoderState:
    """The state of streams before their first token, after endless absence of tokens."""
    codes = quantizers.of(config).decode(jnp.full((1, sum(config.decoder_halo)), -1, jnp.int32))
    controls, past = Decoder(config).apply({"params": params["decoder"]}, codes)
    past, controls = jax.tree.map(lambda leaf: jnp.repeat(leaf, batch, axis=0), (past, controls))
    carry = jax.tree.map(jnp.asarray, heads.of(config).start(batch))
    early = jnp.full(batch, decoder_delay(config), jnp.int32)
    return DecoderState(past, controls, carry, early, jnp.zeros(batch, bool))


@pinned()
def decode_step(
    params: Params,
    config: CodecConfig,
    state: DecoderState,
    tokens: Array,
    dtype: Any = jnp.float32,
) -> tuple[DecoderState, Array]:
    """Samples of the next frames.

    Args:
        params: in the released form.
        state: of `start_decoder`, or of the previous step.
        tokens: int32 (B, k); -1 is no token: before the first one of a clip and after the last.

    Returns:
        The next state, and float32 (B, k * hop_length), zero before the first frame.
    """
    head, frames = heads.of(config), tokens.shape[1]
    codes = quantizers.of(config).decode(tokens)
    network = Decoder(config, dtype)
    controls, past = network.apply({"params": params["decoder"]}, codes, state.past)
    held = jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=1), state.controls, controls)
    parts, gained = head.prepare(held)
    # The carry counts from the first frame of the clip, whose position the first token determines.
    missing = jnp.cumprod((tokens < 0).astype(jnp.int32), axis=1)
    waiting = state.early + jnp.where(state.begun, 0, jnp.sum(missing, axis=1, dtype=jnp.int32))
    early = jnp.minimum(waiting, frames)
    before = jnp.arange(frames, dtype=jnp.int32)[None] < early[:, None]

    def total(leaf: Array, chosen: Array) -> Array:
        return jnp.sum(jnp.where(chosen, leaf, 0), axis=1, dtype=leaf.dtype)

    carry = jax.tree.map(lambda c, leaf: c - total(leaf, before), state.carry, gained)
    wave = head.render(parts, carry)
    silent = jnp.repeat(before, config.hop_length, axis=1)
    after = DecoderState(
        past=past,
        controls=jax.tree.map(lambda leaf: leaf[:, frames:], held),
        carry=jax.tree.map(
            lambda c, leaf: c + jnp.sum(leaf, axis=1, dtype=leaf.dtype), carry, gained
        ),
        early=waiting - early,
        begun=state.begun | jnp.any(tokens >= 0, axis=1),
    )
    return after, jnp.where(silent, 0.0, wave)


def reset(state: Any, fresh: Any, rows: Array) -> Any:
    """Starts new streams in some rows.

    Args:
        state: an `EncoderState` or a `DecoderState`.
        fresh: the state at the start, of one stream or as many as in `state`.
        rows: bool (B,), the rows to start.
    """

    def chosen(old: Array, new: Array) -> Array:
        return jnp.where(rows.reshape((-1,) + (1,) * (old.ndim - 1)), new, old)

    return jax.tree.map(chosen, state, fresh)
