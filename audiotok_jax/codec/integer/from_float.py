"""The integer encoder to train: its float graph with fake quantization, and the way to integers.

Features are those of the integer encoder, exactly. Weights, activations and what is between blocks
are rounded as there, with gradients that pass straight through; the norms alone divide by a root
of floats, where the integer encoder looks it up. Scales are powers of two: of a layer's weights
by the largest of each output, of the activation by a number that is learnt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.codec.integer import encoder
from audiotok_jax.codec.integer.config import IntegerConfig
from audiotok_jax.codec.integer.params import GELU, Block, Linear, Params, check_ranges

FloatParams = dict[str, Any]

FEATURE, NORM, BEFORE, RESIDUAL = 6, 4, 6, 10
"""Bits after the point of features, of what is normalised, before the activation and between
blocks."""

_AFTER = 5  # the same of the activation, less a learnt number
_FINEST = 16  # bits after the point of weights
_ZERO = 100  # is stored as 0, as no activation lies below -0.17


def init(rng: Array, config: IntegerConfig) -> FloatParams:
    """Fresh parameters, a tree of float32 arrays."""
    wide = config.expansion * config.dim

    def linear(key: Array, inputs: int, outputs: int) -> FloatParams:
        kernel = 0.02 * jax.random.truncated_normal(key, -2, 2, (inputs, outputs), jnp.float32)
        return {"kernel": kernel, "bias": jnp.zeros(outputs, jnp.float32)}

    def block(key: Array, taps: int) -> FloatParams:
        keys = jax.random.split(key, 3)
        drawn = jax.random.truncated_normal(keys[0], -2, 2, (taps, config.dim), jnp.float32)
        return {
            "taps": 0.2 * drawn,
            "bias": jnp.zeros(config.dim, jnp.float32),
            "up": linear(keys[1], config.dim, wide),
            "coarser": jnp.zeros((), jnp.float32),
            "down": linear(keys[2], wide, config.dim),
            "scale": jnp.full(config.dim, 1 / len(config.left), jnp.float32),
        }

    keys = jax.random.split(rng, 2 + len(config.left))
    sizes = [left + 1 + right for left, right in zip(config.left, config.right, strict=True)]
    return {
        "front": linear(keys[0], config.features, config.dim),
        "blocks": [block(key, taps) for key, taps in zip(keys[2:], sizes, strict=True)],
        "head": linear(keys[1], config.dim, config.bits),
    }


def _matmul(x: Array, kernel: Array) -> Array:
    return jnp.matmul(x, kernel, precision="highest")


def apply(
    params: FloatParams,
    wave: Array,
    config: IntegerConfig,
    matmul: Callable[[Array, Array], Array] = _matmul,
) -> Array:
    """Latents of a window given with its halo; a bit is 1 where its latent is positive.

    Args:
        wave: float32 (B, left + T * hop_length + right), `config.halo` being (left, right).
        matmul: of float32 (..., inputs) and (inputs, outputs). Its factors have 8 bits, so
            bfloat16 ones with float32 sums give the same, but for the gradients.

    Returns:
        float32 (B, T, bits).
    """
    samples = jnp.clip(jnp.round(jax.lax.stop_gradient(wave) * 32768), -32768, 32767)
    found = encoder.features(config, samples.astype(jnp.int16))

    def product(x: Array, layer: FloatParams, before: int | Array, after: int | None) -> Array:
        kernel, bias, bits = _of_linear(layer, before, after)
        kernel = _passed(layer["kernel"], jnp.ldexp(kernel, -bits))
        return matmul(x, kernel) + _passed(layer["bias"], jnp.ldexp(bias, -bits - before))

    x = product(jnp.ldexp(found.astype(jnp.float32), -FEATURE), params["front"], FEATURE, None)
    x = _fake(_norm(x), RESIDUAL, 32767)
    for block, left in zip(params["blocks"], config.left, strict=True):
        taps, bias, bits = _of_taps(block)
        taps = _passed(block["taps"], jnp.ldexp(taps, -bits))
        bias = _passed(block["bias"], jnp.ldexp(bias, -bits - RESIDUAL))
        length = x.shape[1] - len(taps) + 1
        h = bias + sum(x[:, i : i + length] * taps[i] for i in range(len(taps)))
        h = product(_fake(_norm(h), NORM, 127), block["up"], NORM, BEFORE)
        h = jax.nn.gelu(_fake(h, BEFORE, GELU // 2 - 1, -GELU // 2))
        h = _fake(h, _after(block), _ZERO + 127, _ZERO - 127, block["coarser"])
        h = product(h, _down(block), _after(block), RESIDUAL)
        x = _fake(x[:, left : left + length] + h, RESIDUAL, 32767)
    return product(_fake(_norm(x), NORM, 127), params["head"], NORM, None)


def to_integer(params: FloatParams, config: IntegerConfig) -> Params:
    """The integer model of trained parameters, NumPy arrays; it gives the tokens of `apply`.

    Raises:
        ValueError: as `check_ranges`.
    """
    made: Params = jax.tree.map(np.asarray, _to_integer(params))
    check_ranges(made, config)
    return made


@jax.jit
def _to_integer(params: FloatParams) -> Params:
    front = _linear(params["front"], FEATURE, None)
    # What follows is normalised, so that only the differences between channels count.
    front = front._replace(shift=front.shift - jnp.min(front.shift))
    blocks = tuple(_block(block) for block in params["blocks"])
    return Params(front, blocks, _linear(params["head"], NORM, None))


def _block(block: FloatParams) -> Block:
    taps, bias, _ = _of_taps(block)
    after = _after(block)
    places = jnp.arange(-GELU // 2, GELU // 2, dtype=jnp.float32)
    table = jax.nn.gelu(jnp.ldexp(places, -BEFORE))
    table = jnp.clip(_round(jnp.ldexp(table, after)), _ZERO - 127, _ZERO + 127) - _ZERO
    up, down = _linear(block["up"], NORM, BEFORE), _linear(_down(block), after, RESIDUAL)
    down = down._replace(bias=down.bias + _ZERO * down.kernel.sum(axis=0, dtype=jnp.int32))
    return Block(taps.astype(jnp.int32), bias.astype(jnp.int32), up, table.astype(jnp.int8), down)


def _linear(layer: FloatParams, before: int | Array, after: int | None) -> Linear:
    kernel, bias, bits = _of_linear(layer, before, after)
    shift = bits if after is None else bits + before - after
    return Linear(kernel.astype(jnp.int8), bias.astype(jnp.int32), shift.astype(jnp.int32))


def _of_linear(
    layer: FloatParams, before: int | Array, after: int | None
) -> tuple[Array, Array, Array]:
    """Integers, as float32, of kernel and bias, and bits after the point of each output's weights.

    Args:
        before: bits after the point of the inputs.
        after: the same of the outputs once shifted, or None.
    """
    kernel, bias = layer["kernel"], layer["bias"]
    largest = jnp.max(jnp.abs(kernel), axis=0)
    least = 0 if after is None else jnp.maximum(after - before, 0)  # no shift to the left
    bits = jnp.clip(7 - jnp.frexp(largest)[1], least, _FINEST)
    kernel = jnp.clip(_round(jnp.ldexp(kernel, bits)), -127, 127)
    return kernel, _round(jnp.ldexp(bias, bits + before)), bits


def _of_taps(block: FloatParams) -> tuple[Array, Array, Array]:
    """The same of the convolution, whose channels have one scale: the largest that 2**30 allows."""
    reach = jnp.sum(jnp.abs(block["taps"]), axis=0) * 2 ** (15 - RESIDUAL) + jnp.abs(block["bias"])
    largest = 1.02 * jnp.max(reach)  # as they are rounded
    bits = jnp.clip(30 - RESIDUAL - jnp.frexp(largest)[1], 0, _FINEST)
    bias = _round(jnp.ldexp(block["bias"], bits + RESIDUAL))
    return _round(jnp.ldexp(block["taps"], bits)), bias, bits


def _down(block: FloatParams) -> FloatParams:
    scale, layer = block["scale"], block["down"]
    return {"kernel": layer["kernel"] * scale, "bias": layer["bias"] * scale}


def _after(block: FloatParams) -> Array:
    return jnp.clip(_AFTER - _round(block["coarser"]), 3, 7).astype(jnp.int32)


def _norm(x: Array) -> Array:
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-12)


def _fake(
    x: Array,
    bits: int | Array,
    most: int,
    least: int | None = None,
    coarser: Array | None = None,
) -> Array:
    """Rounded to 2**-bits and clipped; past the ends of the range, the gradient is 0.

    Args:
        most, least: ends of the range in such steps; `least` is -most by default.
        coarser: what is learnt of the step, its logarithm. Its gradient weighs what is rounded
            against what is clipped (Jain et al. 2019, Trained Quantization Thresholds).
    """
    step = jnp.ldexp(jnp.float32(1), -bits)
    if coarser is not None:
        step = step * jnp.exp2(coarser - jax.lax.stop_gradient(coarser))
    x = x / step
    return jnp.clip(_passed(x, _round(x)), -most if least is None else least, most) * step


def _passed(x: Array, rounded: Array) -> Array:
    """The rounded value with the gradient of x."""
    return x + jax.lax.stop_gradient(rounded - x)


def _round(x: Array) -> Array:
    return jnp.floor(x + 0.5)  # as a shift does
