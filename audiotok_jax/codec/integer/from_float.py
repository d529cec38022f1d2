"""Quantization-aware training of the integer encoder, and its conversion to integers and back.

Training uses a float graph with fake quantization: features are exactly those of the integer
encoder; weights, activations and the residual are rounded as there, with straight-through
gradients; only norms differ, which divide by the root of a float, where the integer encoder uses a
table. Scales are powers of two: those of weights follow from the largest one of each output, that
of the activation is learnt.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.codec.blocks import matmul
from audiotok_jax.codec.integer import encoder, tables
from audiotok_jax.codec.integer.params import GELU, Block, Linear, Params, check_ranges
from audiotok_jax.codec.spectral import aligned
from audiotok_jax.config import CodecConfig

FloatParams = dict[str, Any]

FEATURE, NORM, BEFORE, RESIDUAL = 6, 4, 6, 10
"""Bits after the point of features, of normalised values, before the activation and between
blocks."""

_DRAWN, _DRAWN_TAPS = 0.02, 0.2  # standard deviation of fresh weights, truncated at twice that
_CUT = 0.88  # share of the standard deviation that truncation leaves
_AFTER = 5  # bits after the point of the activation, less a learnt number
_FINEST = 16  # most bits after the point of weights
_ZERO = 100  # activation that is stored as 0, as none lies below -0.17
_GELU_OF_ONE = 0.8413


def init(rng: Array, config: CodecConfig) -> FloatParams:
    """Fresh parameters, a tree of float32 arrays."""
    wide = config.expansion * config.encoder_dim

    def linear(key: Array, inputs: int, outputs: int) -> FloatParams:
        kernel = _DRAWN * jax.random.truncated_normal(key, -2, 2, (inputs, outputs), jnp.float32)
        return {"kernel": kernel, "bias": jnp.zeros(outputs, jnp.float32)}

    def block(key: Array, taps: int) -> FloatParams:
        keys = jax.random.split(key, 3)
        drawn = jax.random.truncated_normal(keys[0], -2, 2, (taps, config.encoder_dim), jnp.float32)
        return {
            "taps": _DRAWN_TAPS * drawn,
            "bias": jnp.zeros(config.encoder_dim, jnp.float32),
            "mlp_in": linear(keys[1], config.encoder_dim, wide),
            "coarser": jnp.zeros((), jnp.float32),
            "mlp_out": linear(keys[2], wide, config.encoder_dim),
            "scale": jnp.full(config.encoder_dim, 1 / config.encoder_depth, jnp.float32),
        }

    keys = jax.random.split(rng, 2 + config.encoder_depth)
    return {
        "front": linear(keys[0], tables.features(config), config.encoder_dim),
        "blocks": [block(key, config.kernel_size) for key in keys[2:]],
        "head": linear(keys[1], config.encoder_dim, config.bits),
    }


def apply(
    params: FloatParams,
    wave: Array,
    config: CodecConfig,
    dtype: Any = jnp.float32,
) -> Array:
    """Latents of a window given with its halo; a bit is 1 where its latent is positive.

    Args:
        wave: float32 (B, left + T * hop_length + right), (left, right) = config.encoder_halo.
        dtype: of the factors of products, float32 or bfloat16. They have 8 bits, so that the
            choice affects gradients only.

    Returns:
        float32 (B, T, bits).
    """
    found = encoder.features(config, encoder.to_int16(jax.lax.stop_gradient(wave)))

    def product(x: Array, layer: FloatParams, before: int | Array, after: int | None) -> Array:
        kernel, bias, bits = _of_linear(layer, before, after)
        kernel = _passed(layer["kernel"], _shifted(kernel, -bits[None]))
        bias = _passed(layer["bias"], _shifted(bias, -bits - before))
        return matmul(x, kernel, dtype) + aligned(bias, x)

    x = product(_shifted(found.astype(jnp.float32), -FEATURE), params["front"], FEATURE, None)
    x = _fake(_norm(x), RESIDUAL, 32767)
    most = config.kernel_size - 1

    def residual(x: Array, scanned: tuple[FloatParams, Array]) -> tuple[Array, None]:
        block, left = scanned
        taps, bias, bits = _of_taps(block)
        taps = _passed(block["taps"], _shifted(taps, -bits))
        bias = _passed(block["bias"], _shifted(bias, -bits - RESIDUAL))
        around = jnp.pad(x, ((0, 0), (most, most), (0, 0)))
        seen = jax.lax.dynamic_slice_in_dim(around, most - left, x.shape[1] + most, axis=1)
        h = aligned(bias, x) + sum(
            seen[:, i : i + x.shape[1]] * aligned(taps[i], x) for i in range(len(taps))
        )
        h = product(_fake(_norm(h), NORM, 127), block["mlp_in"], NORM, BEFORE)
        h = jax.nn.gelu(_fake(h, BEFORE, GELU // 2 - 1, -GELU // 2))
        h = _fake(h, _after(block), _ZERO + 127, _ZERO - 127, block["coarser"])
        h = product(h, _down(block), _after(block), RESIDUAL)
        return _fake(x + h, RESIDUAL, 32767), None

    # In a loop, XLA compiles only one block, and does not recompute each input for each tap. So all
    # frames pass all blocks; those whose neighbours are missing are cut off at the end.
    if params["blocks"]:
        blocks = jax.tree.map(lambda *leaves: jnp.stack(leaves), *params["blocks"])
        left, right = zip(*config.encoder_taps, strict=True)
        x, _ = jax.lax.scan(residual, x, (blocks, jnp.asarray(left, jnp.int32)))
        x = x[:, sum(left) : x.shape[1] - sum(right)]
    return product(_fake(_norm(x), NORM, 127), params["head"], NORM, None)


def to_integer(params: FloatParams, config: CodecConfig) -> Params:
    """Converts trained parameters to integers, NumPy arrays, which give the tokens of `apply`.

    Raises:
        ValueError: as `check_ranges`.
    """
    made: Params = jax.tree.map(np.asarray, _to_integer(params))
    check_ranges(made, config)
    return made


@jax.jit
def _to_integer(params: FloatParams) -> Params:
    front = _linear(params["front"], FEATURE, None)
    # A norm follows, so only the differences between channels count.
    front = front._replace(shift=front.shift - jnp.min(front.shift))
    blocks = tuple(_block(block) for block in params["blocks"])
    return Params(front, blocks, _linear(params["head"], NORM, None))


def _block(block: FloatParams) -> Block:
    taps, bias, _ = _of_taps(block)
    after = _after(block)
    places = jnp.arange(-GELU // 2, GELU // 2, dtype=jnp.float32)
    table = jax.nn.gelu(_shifted(places, -BEFORE))
    table = jnp.clip(_round(_shifted(table, after)), _ZERO - 127, _ZERO + 127) - _ZERO
    mlp_in, mlp_out = _linear(block["mlp_in"], NORM, BEFORE), _linear(_down(block), after, RESIDUAL)
    mlp_out = mlp_out._replace(
        bias=mlp_out.bias + _ZERO * mlp_out.kernel.sum(axis=0, dtype=jnp.int32)
    )
    table = table.astype(jnp.int8)
    return Block(taps.astype(jnp.int32), bias.astype(jnp.int32), mlp_in, table, mlp_out)


def from_integer(params: Params, config: CodecConfig) -> FloatParams:
    """Trained parameters that `to_integer` converts to these, to train further; NumPy arrays.

    Raises:
        ValueError: there are none, as the model was not made by `to_integer`.
    """
    shift, kernel = params.front.shift, params.front.kernel
    bits = _FINEST - np.max(shift)
    if np.all(np.max(np.abs(kernel), axis=0) >= 64):  # else some were as fine as can be
        bits = np.clip(_bits(np.ldexp(np.float32(kernel), -shift), _CUT * _DRAWN), 0, bits)
    made = {
        "front": _to_float(params.front, shift + bits, FEATURE),
        "blocks": [_block_to_float(block) for block in params.blocks],
        "head": _to_float(params.head, params.head.shift, NORM),
    }
    again = jax.tree.leaves(to_integer(made, config))
    if not all(map(np.array_equal, again, jax.tree.leaves(params))):
        raise ValueError("these integer weights have no float weights that round to them")
    return made


def _block_to_float(block: Block) -> FloatParams:
    # The activation of 1 tells its scale.
    one = int(block.gelu[GELU // 2 + (1 << BEFORE)]) + _ZERO
    after = round(math.log2(one / _GELU_OF_ONE))
    reach = 1.02 * np.max(np.sum(np.abs(block.taps), axis=0) * 2.0**15 + np.abs(block.bias))
    # Taps that do not fill their range were as fine as can be.
    bits = np.clip(_bits(block.taps, _CUT * _DRAWN_TAPS), 0, _FINEST) if reach >= 2**29 else _FINEST
    out = block.mlp_out
    out = out._replace(bias=out.bias - _ZERO * np.sum(out.kernel, axis=0, dtype=np.int32))
    return {
        "taps": np.ldexp(np.float32(block.taps), -bits),
        "bias": np.ldexp(np.float32(block.bias), -bits - RESIDUAL),
        "mlp_in": _to_float(block.mlp_in, block.mlp_in.shift + BEFORE - NORM, NORM),
        "coarser": np.float32(_AFTER - after),
        "mlp_out": _to_float(out, out.shift + RESIDUAL - after, after),
        "scale": np.ones(len(out.bias), np.float32),
    }


def _bits(weights: np.ndarray, drawn: float) -> int:
    """Bits after the point at which weights are about as large as those of `init`.

    Before a norm, the scale of weights is lost, and learning rates are meant for that of `init`.
    """
    mean = np.sqrt(np.mean(np.square(np.float64(weights))))
    return round(math.log2(max(mean, 1e-30) / drawn))


def _to_float(layer: Linear, bits: np.ndarray, before: int) -> FloatParams:
    return {
        "kernel": np.ldexp(np.float32(layer.kernel), -bits),
        "bias": np.ldexp(np.float32(layer.bias), -bits - before),
    }


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
    kernel = jnp.clip(_round(_shifted(kernel, bits[None])), -127, 127)
    return kernel, _round(_shifted(bias, bits + before)), bits


def _of_taps(block: FloatParams) -> tuple[Array, Array, Array]:
    """The same for the convolution, all channels of which have the largest scale within 2**30."""
    reach = jnp.sum(jnp.abs(block["taps"]), axis=0) * 2 ** (15 - RESIDUAL) + jnp.abs(block["bias"])
    largest = 1.02 * jnp.max(reach)  # with a margin for rounding
    bits = jnp.clip(30 - RESIDUAL - jnp.frexp(largest)[1], 0, _FINEST)
    bias = _round(_shifted(block["bias"], bits + RESIDUAL))
    return _round(_shifted(block["taps"], bits)), bias, bits


def _down(block: FloatParams) -> FloatParams:
    scale, layer = block["scale"], block["mlp_out"]
    return {"kernel": layer["kernel"] * scale[None], "bias": layer["bias"] * scale}


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
    """Fake quantization: rounds to steps of 2**-bits and clips, with zero gradient where clipped.

    Args:
        most, least: ends of the range in steps; `least` is -most by default.
        coarser: learnt part of the logarithm of the step. Its gradient balances errors of rounding
            and clipping (Jain et al. 2019, Trained Quantization Thresholds).
    """
    step = _shifted(jnp.float32(1), -bits)
    if coarser is not None:
        step = step * jnp.exp2(coarser - jax.lax.stop_gradient(coarser))
    x = x / step
    return jnp.clip(_passed(x, _round(x)), -most if least is None else least, most) * step


def _passed(x: Array, rounded: Array) -> Array:
    """The rounded value with the gradient of x (straight-through estimator)."""
    return x + jax.lax.stop_gradient(rounded - x)


def _round(x: Array) -> Array:
    return jnp.floor(x + 0.5)  # as a shift does


def _shifted(x: Array, bits: int | Array) -> Array:
    """Multiplies by 2**bits, bits in -126..127, without the powers that `jnp.ldexp` computes."""
    exponent = (jnp.asarray(bits, jnp.int32) + 127) << 23
    return x * jax.lax.bitcast_convert_type(exponent, jnp.float32)
