"""Parameters of an integer encoder, and whether they keep its arithmetic exact."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from audiotok_jax.codec.integer import tables
from audiotok_jax.codec.integer.config import IntegerConfig

LARGEST_SHIFT = 24
GELU = 1024  # entries of its table
_NORMED = 2**30  # what is normalised is rounded to fewer bits first, so it needs room


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
        taps: int32 (left + 1 + right, dim), of the depthwise convolution.
        bias: int32 (dim,), of the same.
        up: dim to expansion * dim.
        gelu: int8 (GELU,), what the activation makes of -GELU / 2 and so on; within +-127.
        down: expansion * dim to dim, in units of the residual.
    """

    taps: Any
    bias: Any
    up: Linear
    gelu: Any
    down: Linear


class Params(NamedTuple):
    """A pytree of integer arrays, NumPy's or JAX's.

    Attributes:
        front: features of a frame to dim.
        blocks: in order.
        head: dim to bits; its signs are the token, so its shift says only the scale.
    """

    front: Linear
    blocks: tuple[Block, ...]
    head: Linear


def check_ranges(params: Params, config: IntegerConfig) -> None:
    """Refuses a model whose tokens could depend on the machine; no audio is tried.

    Every bound is a sum of absolute values of weights times the largest input, so no order of
    summation can leave it. What the reference states of its other intermediates follows from
    their last operation, or from the bounds of `IntegerConfig`.

    Raises:
        ValueError: arrays have other shapes or types than the config says, a weight does not fit
            its bits, or a sum could leave 32 bits.
    """
    if len(params.blocks) != len(config.left):
        raise ValueError(f"params hold {len(params.blocks)} blocks, the config {len(config.left)}")
    wide = config.expansion * config.dim
    _check_linear("front", params.front, (config.features, config.dim), _NORMED)
    for i, (block, left, right) in enumerate(
        zip(params.blocks, config.left, config.right, strict=True)
    ):
        name = f"blocks[{i}]"
        _check_array(f"{name}.taps", block.taps, np.int32, (left + 1 + right, config.dim))
        _check_array(f"{name}.bias", block.bias, np.int32, (config.dim,))
        sums = 32767 * _total(block.taps) + np.abs(np.asarray(block.bias, np.int64))
        _check_bound(f"{name}.taps", sums, _NORMED)
        _check_linear(f"{name}.up", block.up, (config.dim, wide), 2**31)
        _check_array(f"{name}.gelu", block.gelu, np.int8, (GELU,))
        _check_bound(f"{name}.gelu", np.abs(np.asarray(block.gelu, np.int64)), 128)
        # The residual is added to what the shift leaves.
        _check_linear(f"{name}.down", block.down, (wide, config.dim), 2**31 - 2**15)
    _check_linear("head", params.head, (config.dim, config.bits), 2**31)
    _check_front_end(config)


def _check_linear(name: str, layer: Linear, shape: tuple[int, int], limit: int) -> None:
    _check_array(f"{name}.kernel", layer.kernel, np.int8, shape)
    _check_array(f"{name}.bias", layer.bias, np.int32, shape[1:])
    _check_array(f"{name}.shift", layer.shift, np.int32, shape[1:])
    shift = np.asarray(layer.shift, np.int64)
    if shift.min() < 0 or shift.max() > LARGEST_SHIFT:
        raise ValueError(f"{name}.shift must lie in 0..{LARGEST_SHIFT}")
    _check_bound(f"{name}.kernel", np.abs(np.asarray(layer.kernel, np.int64)), 128)
    sums = 127 * _total(layer.kernel) + np.abs(np.asarray(layer.bias, np.int64))
    _check_bound(name, sums + ((1 << shift) >> 1), limit)


def _check_front_end(config: IntegerConfig) -> None:
    high, low = tables.split(tables.twiddles(config))
    coarse, fine = 128 * _total(high), 128 * (_total(high) + _total(low))
    _check_bound("products of samples and twiddles", np.maximum(coarse, fine), 2**24)
    block = np.max((coarse << 4) + (fine >> 4) + 1)
    # Three doublings, the last of which may add a real to an imaginary part, and the window.
    _check_bound("spectra", 4 * 10 * block, 2**31)
    _check_bound("combs", 127 * _total(tables.combs(config)), 2**24)


def _total(weights: Any) -> np.ndarray:
    """Sums of absolute values over inputs, int64, which nothing here can leave."""
    return np.abs(np.asarray(weights, np.int64)).sum(axis=0)


def _check_array(name: str, array: Any, dtype: Any, shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(
            f"{name} must be {np.dtype(dtype)} {shape}, not {array.dtype} {array.shape}"
        )


def _check_bound(name: str, largest: Any, limit: int) -> None:
    if np.max(largest) >= limit:
        raise ValueError(f"{name} could reach {np.max(largest)}, and must stay below {limit}")
