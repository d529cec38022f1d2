"""Layers shared by encoder and decoder. They shorten the time axis and never pad it."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec.spectral import aligned


@jax.custom_vjp
def matmul_bf16(x: Array, kernel: Array) -> Array:
    """`x @ kernel` of float32 arrays with bfloat16 factors and float32 sums, in both directions.

    Without the rule of our own, the backward products would mix bfloat16 with float32 and miss
    the matrix units.
    """
    return _forward(x, kernel)[0]


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    return _contract(x, kernel, (x.ndim - 1,), (0,)), (x, kernel)


def _backward(saved: tuple[Array, Array], grad: Array) -> tuple[Array, Array]:
    x, kernel = saved
    grad = grad.astype(jnp.bfloat16)
    rows = tuple(range(x.ndim - 1))
    grad_x = _contract(grad, kernel, (x.ndim - 1,), (1,))
    return grad_x, _contract(x, grad, rows, rows)


def _contract(a: Array, b: Array, of_a: tuple[int, ...], of_b: tuple[int, ...]) -> Array:
    # Not with `.T`, which XLA carries out on a CPU before it multiplies.
    return jax.lax.dot_general(
        a,
        b,
        ((of_a, of_b), ((), ())),
        precision=jax.lax.Precision.DEFAULT,
        preferred_element_type=jnp.float32,
    )


matmul_bf16.defvjp(_forward, _backward)


class Dense(nn.Module):
    """Linear layer (..., D) -> (..., features), float32 in and out.

    `dtype` is that of the factors of the product: float32 or bfloat16.
    """

    features: int
    dtype: Any = jnp.float32
    bias_init: nn.initializers.Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel = self.param(
            "kernel", nn.initializers.truncated_normal(0.02), (x.shape[-1], self.features)
        )
        bias = self.param("bias", self.bias_init, (self.features,))
        product = matmul_bf16 if self.dtype == jnp.bfloat16 else jnp.matmul
        return product(x, kernel) + aligned(bias, x)


class DepthwiseConv(nn.Module):
    """Depthwise convolution over time, (B, T + size - 1, D) -> (B, T, D).

    Shifted multiply-adds: XLA's grouped convolution is about 50 times slower on a CPU.
    """

    size: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel = self.param(
            "kernel", nn.initializers.truncated_normal(0.2), (self.size, x.shape[-1])
        )
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        length = x.shape[-2] - self.size + 1
        taps = (aligned(kernel[i], x) * x[..., i : i + length, :] for i in range(self.size))
        return aligned(bias, x) + sum(taps)


class ConvNeXtBlock(nn.Module):
    """ConvNeXt block (Liu et al. 2022; as in Vocos, Siuzdak 2023).

    (B, T + size - 1, D) -> (B, T, D).
    """

    size: int
    expansion: int
    scale_init: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        dim, cut = x.shape[-1], self.size // 2
        h = DepthwiseConv(self.size, name="depthwise")(x)
        h = nn.LayerNorm(epsilon=1e-6, name="norm")(h)
        h = nn.gelu(Dense(self.expansion * dim, self.dtype, name="mlp_in")(h))
        h = Dense(dim, self.dtype, name="mlp_out")(h)
        scale = self.param("scale", nn.initializers.constant(self.scale_init), (dim,))
        return x[..., cut : x.shape[-2] - cut, :] + aligned(scale, h) * h


class ConvNeXtStack(nn.Module):
    """`depth` blocks, (B, T + depth * (size - 1), D) -> (B, T, D), normalised at the end."""

    depth: int
    size: int
    expansion: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = nn.LayerNorm(epsilon=1e-6, name="norm_in")(x)
        for i in range(self.depth):
            scale = 1.0 / self.depth
            x = ConvNeXtBlock(self.size, self.expansion, scale, self.dtype, name=f"block_{i}")(x)
        return nn.LayerNorm(epsilon=1e-6, name="norm_out")(x)
