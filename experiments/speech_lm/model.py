"""A small causal Transformer over tokens, with bits as input and output."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.tokens import signs

BOS = 0
"""Id that starts a clip; token t has the id t + 1."""


class Block(nn.Module):
    """Attention to the past and an MLP, each after a LayerNorm and around a residual."""

    heads: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        mask = nn.make_causal_mask(jnp.ones(x.shape[:2]))
        x += nn.MultiHeadDotProductAttention(self.heads)(nn.LayerNorm()(x), mask=mask)
        hidden = nn.gelu(nn.Dense(2 * x.shape[-1])(nn.LayerNorm()(x)))
        return x + nn.Dense(x.shape[-1])(hidden)


class LanguageModel(nn.Module):
    """A model of the next token, bit by bit, each given the lower ones.

    Attributes:
        length: largest number of ids.
        bits: per token.
        width: of the residual stream.
        depth: number of blocks.
        heads: of attention.
        units: hidden ones for each bit of the next token.
    """

    length: int
    bits: int = 16
    width: int = 96
    depth: int = 2
    heads: int = 4
    units: int = 16

    def setup(self) -> None:
        """Names the parts."""
        normal = nn.initializers.normal
        self.bos = self.param("bos", normal(1.0), (self.width,))
        self.place = self.param("place", normal(0.1), (self.length, self.width))
        self.enter = nn.Dense(self.width)
        # Sees the last four ids at once, which predict most of the next token.
        self.recent = nn.Conv(self.width, (4,), padding=[(3, 0)])
        self.blocks = [Block(self.heads) for _ in range(self.depth)]
        self.norm = nn.LayerNorm()
        self.leave = nn.Dense(self.bits * self.units)
        self.own = self.param("own", normal(0.2), (self.bits, self.bits, self.units))
        self.odds = self.param("odds", normal(0.2), (self.bits, self.units))
        self.bias = self.param("bias", nn.initializers.zeros, (self.bits,))

    def __call__(self, ids: Array) -> Array:
        """Cost of each token: int32 (B, T + 1) to float32 (B, T) in bits, 0 where a clip starts."""
        signs = to_signs(ids[:, 1:], self.bits)
        wrong = nn.softplus(-signs * self._logits(self._context(ids[:, :-1]), signs))
        return jnp.where(ids[:, 1:] == BOS, 0.0, wrong.sum(-1) / np.log(2))

    def draw(self, ids: Array, count: Array, key: Array) -> Array:
        """Samples the id, int32 (), that follows the first `count` of int32 (T,)."""
        context = self._context(ids[None])[0, count - 1]
        luck = jax.random.logistic(key, (self.bits,))
        signs = jnp.zeros(self.bits)
        for bit in range(self.bits):
            signs = signs.at[bit].set(jnp.sign(self._logits(context, signs)[bit] + luck[bit]))
        return 1 + jnp.sum((signs > 0) << jnp.arange(self.bits))

    def _context(self, ids: Array) -> Array:
        """int32 (B, T) to float32 (B, T, bits * units)."""
        start = (ids == BOS)[..., None]
        x = jnp.where(start, self.bos, self.enter(to_signs(ids, self.bits)))
        x = self.recent(x) + self.place[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.leave(self.norm(x))

    def _logits(self, context: Array, signs: Array) -> Array:
        """Of each bit, (..., bits), given the signs of those below it, (..., bits)."""
        below = jnp.triu(jnp.ones((self.bits, self.bits)), 1)[..., None]
        hidden = context.reshape(*context.shape[:-1], self.bits, self.units)
        hidden += jnp.einsum("...j,jku->...ku", signs, self.own * below)
        return jnp.sum(nn.gelu(hidden) * self.odds, -1) + self.bias


def to_signs(ids: Array, bits: int) -> Array:
    """Bits of the tokens as 1 and -1: int32 (...) to float32 (..., bits)."""
    return signs(jnp.maximum(ids - 1, 0), bits)
