"""Layers of encoder and decoder, which shorten the time axis instead of padding it."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import BFloat16, Float32

from audiotok_jax.codec.spectral import aligned


@jax.custom_vjp
def matmul_bf16(x: Float32[Array, "*N D"], kernel: Float32[Array, "D E"]) -> Float32[Array, "*N E"]:
    """`x @ kernel` of float32 arrays with bfloat16 factors and float32 sums, in both directions.

    Without this custom derivative, the backward products would mix bfloat16 with float32 and not
    use the matrix units.
    """
    return _forward(x, kernel)[0]


def _forward(
    x: Float32[Array, "*N D"], kernel: Float32[Array, "D E"]
) -> tuple[Float32[Array, "*N E"], tuple[Array, Array]]:
    factors = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    return _contract(*factors, (x.ndim - 1,), (0,)), factors


def _backward(
    factors: tuple[BFloat16[Array, "*N D"], BFloat16[Array, "D E"]], grad: Float32[Array, "*N E"]
) -> tuple[Float32[Array, "*N D"], Float32[Array, "D E"]]:
    x, kernel = factors
    rows = tuple(range(x.ndim - 1))
    down = grad.astype(jnp.bfloat16)
    return _contract(down, kernel, (x.ndim - 1,), (1,)), _contract(x, down, rows, rows)


def _contract(
    a: BFloat16[Array, "..."],
    b: BFloat16[Array, "..."],
    axes_a: tuple[int, ...],
    axes_b: tuple[int, ...],
) -> Float32[Array, "..."]:
    # Without `.T`, which XLA would compute as a separate operation on a CPU.
    return jax.lax.dot_general(
        a,
        b,
        ((axes_a, axes_b), ((), ())),
        precision=jax.lax.Precision.DEFAULT,
        preferred_element_type=jnp.float32,
    )


matmul_bf16.defvjp(_forward, _backward)


def matmul(x: Array, kernel: Array, dtype: Any) -> Array:
    """`x @ kernel` of float32 arrays, with factors of a dtype, float32 or bfloat16."""
    return matmul_bf16(x, kernel) if dtype == jnp.bfloat16 else jnp.matmul(x, kernel)


class Dense(nn.Module):
    """Linear layer with float32 input and output.

    Attributes:
        features: size of the output.
        dtype: of the factors of the product, float32 or bfloat16.
        bias_init: initializer of the bias.
    """

    features: int
    dtype: Any = jnp.float32
    bias_init: nn.initializers.Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Float32[Array, "*N D"]) -> Float32[Array, "*N {self.features}"]:
        kernel = self.param(
            "kernel", nn.initializers.truncated_normal(0.02), (x.shape[-1], self.features)
        )
        bias = self.param("bias", self.bias_init, (self.features,))
        return matmul(x, kernel, self.dtype) + aligned(bias, x)


class DepthwiseConv(nn.Module):
    """Depthwise convolution over time, without padding.

    Shifted multiply-adds: XLA's grouped convolution is about 50 times slower on a CPU.
    """

    size: int

    @nn.compact
    def __call__(self, x: Float32[Array, "B N D"]) -> Float32[Array, "B N-{self.size}+1 D"]:
        kernel = self.param(
            "kernel", nn.initializers.truncated_normal(0.2), (self.size, x.shape[-1])
        )
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        length = x.shape[-2] - self.size + 1
        taps = (aligned(kernel[i], x) * x[..., i : i + length, :] for i in range(self.size))
        return aligned(bias, x) + sum(taps)


class ConvNeXtBlock(nn.Module):
    """ConvNeXt block (Liu et al. 2022; as in Vocos, Siuzdak 2023), without padding.

    Attributes:
        taps: (left, right) of the depthwise convolution, beside the frame itself.
        expansion: hidden units of the MLP for each channel.
        scale_init: initial scale of the residual branch.
        dtype: of the factors of the MLP's products.
    """

    taps: tuple[int, int]
    expansion: int
    scale_init: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float32[Array, "B N D"]) -> Float32[Array, "B N-{sum(self.taps)} D"]:
        dim, (left, right) = x.shape[-1], self.taps
        h = DepthwiseConv(left + 1 + right, name="depthwise")(x)
        h = nn.LayerNorm(epsilon=1e-6, name="norm")(h)
        h = nn.gelu(Dense(self.expansion * dim, self.dtype, name="mlp_in")(h))
        h = Dense(dim, self.dtype, name="mlp_out")(h)
        scale = self.param("scale", nn.initializers.constant(self.scale_init), (dim,))
        return x[..., left : x.shape[-2] - right, :] + aligned(scale, h) * h


class ConvNeXtStack(nn.Module):
    """ConvNeXt blocks between two layer norms; `taps` are those of each `ConvNeXtBlock`."""

    taps: tuple[tuple[int, int], ...]
    expansion: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float32[Array, "B N D"], past: tuple[Array, ...] | None = None
    ) -> tuple[Float32[Array, "B T D"], tuple[Array, ...]]:
        """Runs the blocks over a window, or over the next frames of a stream.

        Args:
            x: input of the window with its halo, or the next frames, N = T.
            past: in a stream, the second result for the previous frames.

        Returns:
            Output, and the past of the next frames: the last inputs of each block that their output
            depends on, float32 (B, sum(taps), D).
        """
        x = nn.LayerNorm(epsilon=1e-6, name="norm_in")(x)
        after = []
        for i, taps in enumerate(self.taps):
            if past is not None:
                x = jnp.concatenate([past[i], x], axis=1)
            after.append(x[:, x.shape[1] - sum(taps) :])
            scale = 1.0 / len(self.taps)
            x = ConvNeXtBlock(taps, self.expansion, scale, self.dtype, name=f"block_{i}")(x)
        return nn.LayerNorm(epsilon=1e-6, name="norm_out")(x), tuple(after)
