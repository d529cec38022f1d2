"""Priors: small integer networks that give the probability of each bit of a token.

The tokens of a block are coded in dyadic steps: first every 16th token, then those midway between
two known ones, and so on to the odd ones. All tokens of a step are coded together, bit 0 first. A
bit is conditioned on the lower bits of its own token and, except in the first step, on tokens on
both sides, which are more informative than the past alone; and all tokens of a step are computed at
once.

The network of a bit has one hidden layer. Its inputs are 1 or -1 for known bits and 0 beyond the
ends of the block; weights are integers; and the output, shifted to the right, is an index into a
table of probabilities. Sums of integers are exact in any order, also as floats (below 2**24 in
float32, 2**53 in float64), so that all machines compute the same.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from audiotok_jax.entropy import blocks
from audiotok_jax.files import replacing

FILE = "entropy.safetensors"
"""Name of a prior in the folder of its model."""

VERSION = 1
"""Version of the order of bits and of the arithmetic of the networks."""

STEPS = 5
"""Dyadic steps: the first codes every 2 ** (STEPS - 1)th token."""

SHIFT = 12
"""Right shift from the output of a network to an index into the table."""

_SCALE = 2**16  # of the table
_ARRAYS = ("weights", "bias", "heads", "offsets", "table")
_LARGEST = 2**26  # bytes of a file


@dataclasses.dataclass(frozen=True, eq=False)
class Prior:
    """The networks for the tokens of a model; step s, bit k, H hidden units, N neighbours.

    Attributes:
        model_id: of the model.
        block: tokens that are coded together.
        weights: int8 (STEPS, (N + 1) * bits, bits, H), from the bits of N neighbours and of the
            token itself; zero for bits of the token that are not below bit k.
        bias: int32 (STEPS, bits, H).
        heads: int32 (STEPS, bits, H), from the rectified units to the sum.
        offsets: int64 (STEPS, bits), added to the sum.
        table: uint16 (entries,), the probability of a 1 in units of 2**-16, at least one. Its
            middle belongs to a sum of 0.

    Raises:
        ValueError: the arrays do not fit together, or their sums could be inexact.
    """

    model_id: str
    block: int
    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    heads: NDArray[np.int32]
    offsets: NDArray[np.int64]
    table: NDArray[np.uint16]

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{16}", self.model_id):
            raise ValueError(f"model_id must be 16 hexadecimal digits, not {self.model_id!r}")
        _, inputs, bits, hidden = self.weights.shape
        shapes = {
            "weights": ((STEPS, inputs, bits, hidden), np.int8),
            "bias": ((STEPS, bits, hidden), np.int32),
            "heads": ((STEPS, bits, hidden), np.int32),
            "offsets": ((STEPS, bits), np.int64),
            "table": (self.table.shape, np.uint16),
        }
        for name, (shape, dtype) in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"{name} must be {np.dtype(dtype)} {shape}, not {array.dtype}")
        places = self.table.size
        if not 1 <= bits <= 16 or not inputs or not hidden or not places or self.table.ndim != 1:
            raise ValueError("not the arrays of a prior")
        neighbours = inputs // bits - 1
        if inputs % bits or neighbours % 2 or places % 2 or not self.table.all():
            raise ValueError("not the arrays of a prior")
        # A bit takes at most two bytes, so that a block fits into a payload.
        most = (blocks.LONGEST - 8) // (2 * bits)
        if not 1 <= self.block <= most:
            raise ValueError(f"block must lie in 1..{most}, not {self.block}")
        own = self.weights[:, neighbours * bits :]
        if any(own[:, k:, k].any() for k in range(bits)):
            raise ValueError("a bit must know no bits but those below it")
        # In floats, which do not overflow.
        large = {name: np.abs(array.astype(float)) for name, array in self._arrays().items()}
        units = large["weights"].sum(1) + large["bias"]
        sums = (units * large["heads"]).sum(-1) + large["offsets"]
        if units.max() >= 2**24 or sums.max() >= 2**53:
            raise ValueError("the sums could be too large to be exact")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Prior:
        """Reads a file written by `save`; ValueError if it is something else."""
        try:
            if os.path.getsize(path) > _LARGEST:
                raise ValueError(f"longer than {_LARGEST} bytes")
            with safe_open(path, framework="numpy") as file:
                about = file.metadata() or {}
                lacking = {"version", "model_id", "block"} - about.keys()
                lacking |= set(_ARRAYS) ^ set(file.keys())
                if lacking:
                    raise ValueError(f"lacks, or does not know, {', '.join(sorted(lacking))}")
                if about["version"] != str(VERSION):
                    raise ValueError(f"version {about['version']} is not {VERSION}")
                if not re.fullmatch("[1-9][0-9]{0,8}", about["block"]):
                    raise ValueError(f"block must be a number from 1 on, not {about['block']!r}")
                for name in _ARRAYS:
                    dtype = file.get_slice(name).get_dtype()
                    if dtype not in ("I8", "I32", "I64", "U16"):
                        raise ValueError(f"{name} is {dtype}, no integers of a prior")
                arrays = {name: file.get_tensor(name) for name in _ARRAYS}
            return cls(about["model_id"], int(about["block"]), **arrays)
        except (SafetensorError, ValueError) as error:
            raise ValueError(f"{path}: not a prior of tokens: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it as safetensors; nothing half-written remains on failure."""
        about = {"version": str(VERSION), "model_id": self.model_id, "block": str(self.block)}
        with replacing(path) as temporary:
            save_file(self._arrays(), temporary, about)

    @functools.cached_property
    def id(self) -> str:
        """16 hexadecimal digits of the SHA-256 of everything that determines decoding."""
        digest = hashlib.sha256(f"{VERSION} {self.model_id} {self.block}".encode())
        for name, array in sorted(self._arrays().items()):
            digest.update(f"\n{name} {array.shape}\n".encode())
            digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()[:16]

    @property
    def bits(self) -> int:
        """Bits per token."""
        return self.weights.shape[2]

    @functools.cached_property
    def networks(self) -> list[Network]:
        """The networks of each step."""
        return [Network(self, step) for step in range(STEPS)]

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        return {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}


class Network:
    """The networks of all bits in one step, for tokens of many blocks in parallel."""

    def __init__(self, prior: Prior, step: int) -> None:
        """Converts the arrays of a step to floats with integer values."""
        inputs, bits, _ = prior.weights.shape[1:]
        outside = inputs - bits
        weights = prior.weights[step].astype(np.float32)
        self._outer = np.ascontiguousarray(weights[:outside].reshape(outside, -1).T)
        own = np.concatenate([prior.bias[step][None], weights[outside:]], dtype=np.float32)
        self._own = np.ascontiguousarray(own.transpose(1, 2, 0))
        self._heads = prior.heads[step].astype(np.float64)
        self._offsets = prior.offsets[step].astype(np.float64)
        self._table = prior.table / np.float64(_SCALE)
        self._reach = (outside // bits) // 2
        self._step = step

    def begin(self, signs: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The contribution of neighbours to the hidden units.

        Args:
            signs: (bits, B, T), 1 and -1, of the tokens of B blocks; tokens that are not known yet
                are ignored.

        Returns:
            (bits, H, B * n) for n >= 1 tokens in each block; None in the first step, which has no
            known neighbours.
        """
        if not self._step:
            return None
        bits, rows, tokens = signs.shape
        stride = _stride(self._step)
        around = neighbours(self._step, self._reach)
        edge = 2 * self._reach * stride
        padded = np.pad(signs, ((0, 0), (0, 0), (edge, edge)))
        places = len(range(stride, tokens, 2 * stride))
        known = np.empty((len(around), bits, rows, places), np.float32)
        for one, offset in zip(known, around, strict=True):
            one[:] = padded[..., edge + stride + offset :: 2 * stride][..., :places]
        units = self._outer @ known.reshape(len(around) * bits, -1)
        return units.reshape(bits, -1, rows * places)

    def probabilities(
        self, units: NDArray[np.float32] | None, own: NDArray[np.float32], bit: int
    ) -> NDArray[np.float64]:
        """The probability that a bit is 1.

        Args:
            units: from `begin`.
            own: (1 + bits, n), ones, and the signs of the tokens; only those below `bit` are used.
            bit: index of the bit.

        Returns:
            (n,), multiples of 2**-16 within 0 and 1.
        """
        hidden = self._own[bit, :, : 1 + bit] @ own[: 1 + bit]
        if units is not None:
            hidden += units[bit]
        np.maximum(hidden, 0, out=hidden)
        sums = self._heads[bit] @ hidden + self._offsets[bit]
        place = (sums.astype(np.int64) >> SHIFT) + len(self._table) // 2
        return self._table.take(place, mode="clip")


def neighbours(step: int, reach: int) -> NDArray[np.intp]:
    """Offsets of the nearest known tokens in a step, `reach` of them on each side."""
    return np.arange(1 - 2 * reach, 2 * reach, 2) * _stride(step)


def order(count: int) -> Iterator[NDArray[np.intp]]:
    """Positions of the tokens of each step, of `count` in total."""
    yield np.arange(0, count, 2 ** (STEPS - 1))
    for step in range(1, STEPS):
        yield np.arange(_stride(step), count, 2 * _stride(step))


def _stride(step: int) -> int:
    return int(2 ** (STEPS - 1 - step))
