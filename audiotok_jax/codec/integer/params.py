"""Parameters of an integer encoder, and checks that they keep its arithmetic exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from audiotok_jax.codec.integer import tables
from audiotok_jax.codec.leaves import by_name
from audiotok_jax.config import CodecConfig

LARGEST_SHIFT = 24
GELU = 1024  # entries of its table
_NORMED = 2**30  # bound of the input of a norm, which is first rounded to fewer bits


class Linear(NamedTuple):
    """A layer x @ kernel + bias, shifted to the right.

    Attributes:
        kernel: int8 (inputs, outputs) within +-127.
        bias: int32 (outputs,).
        shift: int32 (outputs,) in 0..LARGEST_SHIFT.
    """

    kernel: Any
    bias: Any
    shift: Any


class Block(NamedTuple):
    """Parameters of one block.

    Attributes:
        taps: int32 (kernel_size, dim), of the depthwise convolution.
        bias: int32 (dim,), of the same.
        mlp_in: dim to expansion * dim.
        gelu: int8 (GELU,), table of the activation from -GELU / 2 on, within +-127.
        mlp_out: expansion * dim to dim, in units of the residual.
    """

    taps: Any
    bias: Any
    mlp_in: Linear
    gelu: Any
    mlp_out: Linear


class Params(NamedTuple):
    """A pytree of integer arrays, NumPy's or JAX's.

    Attributes:
        front: features of a frame to dim.
        blocks: in order.
        head: dim to bits; the signs of its output are the token, so its shift is only the scale.
    """

    front: Linear
    blocks: tuple[Block, ...]
    head: Linear


def shapes(config: CodecConfig) -> Params:
    """The parameters of a codec, with a `jax.ShapeDtypeStruct` in place of each array."""
    dim, wide = config.encoder_dim, config.expansion * config.encoder_dim

    def linear(inputs: int, outputs: int) -> Linear:
        row = jax.ShapeDtypeStruct((outputs,), np.int32)
        return Linear(jax.ShapeDtypeStruct((inputs, outputs), np.int8), row, row)

    block = Block(
        taps=jax.ShapeDtypeStruct((config.kernel_size, dim), np.int32),
        bias=jax.ShapeDtypeStruct((dim,), np.int32),
        mlp_in=linear(dim, wide),
        gelu=jax.ShapeDtypeStruct((GELU,), np.int8),
        mlp_out=linear(wide, dim),
    )
    front = linear(tables.features(config), dim)
    return Params(front, (block,) * config.encoder_depth, linear(dim, config.bits))


def from_names(tree: Mapping[str, Any]) -> Params:
    """The parameters in nested dicts of arrays by their names; those of blocks are "0", "1"..."""
    blocks = [tree["blocks"][str(i)] for i in range(len(tree["blocks"]))]

    def linear(layer: Mapping[str, Any]) -> Linear:
        return Linear(**layer)

    return Params(
        front=linear(tree["front"]),
        blocks=tuple(
            Block(**{**b, "mlp_in": linear(b["mlp_in"]), "mlp_out": linear(b["mlp_out"])})
            for b in blocks
        ),
        head=linear(tree["head"]),
    )


def check_ranges(params: Params, config: CodecConfig) -> None:
    """Rejects a model whose tokens could depend on the machine, without trying any audio.

    Every bound is a sum of absolute values of weights times the largest input, so it holds for any
    order of summation. The bounds that `reference` states for other intermediates follow from
    their last operation, or from the bounds of `CodecConfig`.

    Raises:
        ValueError: arrays have other shapes or types than the config says, a weight does not fit
            its bits, or a sum could leave 32 bits.
    """
    _check_arrays(params, config)
    _check_linear("front", params.front, _NORMED)
    for i, block in enumerate(params.blocks):
        name = f"blocks/{i}"
        sums = 32767 * _total(block.taps) + np.abs(np.asarray(block.bias, np.int64))
        _check_bound(f"{name}/taps", sums, _NORMED)
        _check_linear(f"{name}/mlp_in", block.mlp_in, 2**31)
        _check_bound(f"{name}/gelu", np.abs(np.asarray(block.gelu, np.int64)), 128)
        # The residual is added to what the shift leaves.
        _check_linear(f"{name}/mlp_out", block.mlp_out, 2**31 - 2**15)
    _check_linear("head", params.head, 2**31)
    _check_front_end(config)


def _check_arrays(params: Params, config: CodecConfig) -> None:
    found, wanted = by_name(params), by_name(shapes(config))
    if found.keys() != wanted.keys():
        raise ValueError(
            f"params hold {len(params.blocks)} blocks, the config {config.encoder_depth}"
        )
    for name, array in found.items():
        dtype, shape = wanted[name].dtype, wanted[name].shape
        if array.dtype != dtype or array.shape != shape:
            raise ValueError(f"{name} must be {dtype} {shape}, not {array.dtype} {array.shape}")


def _check_linear(name: str, layer: Linear, limit: int) -> None:
    shift = np.asarray(layer.shift, np.int64)
    if shift.min() < 0 or shift.max() > LARGEST_SHIFT:
        raise ValueError(f"{name}/shift must lie in 0..{LARGEST_SHIFT}")
    _check_bound(f"{name}/kernel", np.abs(np.asarray(layer.kernel, np.int64)), 128)
    sums = 127 * _total(layer.kernel) + np.abs(np.asarray(layer.bias, np.int64))
    _check_bound(name, sums + ((1 << shift) >> 1), limit)


def _check_front_end(config: CodecConfig) -> None:
    high, low = tables.split(tables.twiddles(config))
    coarse, fine = 128 * _total(high), 128 * (_total(high) + _total(low))
    _check_bound("products of samples and twiddles", np.maximum(coarse, fine), 2**24)
    block = np.max((coarse << 4) + (fine >> 4) + 1)
    # Three doublings, the last of which may add a real to an imaginary part, and the window.
    _check_bound("spectra", 4 * 10 * block, 2**31)
    _check_bound("combs", 127 * _total(tables.combs(config)), 2**24)


def _total(weights: Any) -> np.ndarray:
    """Sums of absolute values over inputs, int64, which cannot overflow here."""
    return np.abs(np.asarray(weights, np.int64)).sum(axis=0)


def _check_bound(name: str, largest: Any, limit: int) -> None:
    if np.max(largest) >= limit:
        raise ValueError(f"{name} could reach {np.max(largest)}, and must stay below {limit}")
