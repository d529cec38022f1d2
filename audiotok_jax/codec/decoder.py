"""Codes to waveform: a ConvNeXt network, and a head that turns its output into samples.

The two phases, `prepare` and `render`, are described in `heads`.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec import heads
from audiotok_jax.codec.blocks import ConvNeXtStack, Dense
from audiotok_jax.config import CodecConfig
from audiotok_jax.settings import pinned


class Decoder(nn.Module):
    """Codes with halo, (B, T + sum(decoder_halo), dim) -> controls of the head, and the past.

    In a stream, the past of the previous frames takes the place of the halo; see `ConvNeXtStack`.
    """

    config: CodecConfig
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, codes: Array, past: Any = None) -> tuple[Any, Any]:
        c = self.config
        x = Dense(c.decoder_dim, self.dtype, name="from_codes")(codes)
        stack = ConvNeXtStack(c.decoder_taps, c.expansion, self.dtype, name="stack")
        x, past = stack(x, past)
        return heads.of(c).controls(x, self.dtype), past


def start(config: CodecConfig, batch: int) -> Any:
    """The carry at the start of clips, a tuple of NumPy arrays (batch,): zero."""
    return heads.of(config).start(batch)


@pinned()
def prepare(
    params: Any, config: CodecConfig, codes: Array, dtype: Any = jnp.float32
) -> tuple[Any, Any]:
    """First phase of decoding a window given with its halo, (B, T + sum(decoder_halo), dim).

    Returns:
        Input of `render`, and the increment of the carry.
    """
    controls, _ = Decoder(config, dtype).apply({"params": params}, codes)
    parts, gained = heads.of(config).prepare(controls)
    return parts, jax.tree.map(lambda leaf: jnp.sum(leaf, axis=1, dtype=leaf.dtype), gained)


@pinned()
def render(config: CodecConfig, parts: Any, carry: Any) -> Array:
    """Second phase of decoding a window: float32 (B, T * hop_length).

    `parts` is the first result of `prepare`; `carry` is `start` plus the increments from `prepare`
    of all windows before.
    """
    return heads.of(config).render(parts, carry)


def reconstruct(
    params: Any, config: CodecConfig, codes: Array, speech: Array, keys: Array, dtype: Any
) -> tuple[Array, dict[str, Array]]:
    """Decodes in training, with the original as a further input.

    Args:
        codes: float32 (B, T, dim), of whole clips.
        speech: float32 (B, T * hop_length), the original, without noise that was added.
        keys: (B,), of random numbers.

    Returns:
        float32 (B, T * hop_length), and the head's named loss terms, scalars.
    """
    outside = ((0, 0), config.decoder_halo, (0, 0))
    controls, _ = Decoder(config, dtype).apply({"params": params}, jnp.pad(codes, outside))
    return heads.of(config).teach(controls, speech, keys)
