"""Shardings of a training state: arrays are replicated or sharded over axes of the mesh."""

from __future__ import annotations

import re
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding

# The MLP of a block is sharded over its hidden units, as in Megatron-LM (Shoeybi et al. 2019): the
# first layer by columns, the second by rows, so that one sum per block suffices. Paths of optimizer
# moments end like those of the parameters.
TENSOR_RULES = (
    (re.compile(r"block(_|s/)\d+/mlp_in/(kernel|bias)$"), -1),
    (re.compile(r"block(_|s/)\d+/mlp_out/kernel$"), 0),
)
# Smaller arrays are cheaper to replicate than to gather.
FSDP_SIZE = 1 << 14


def infer_sharding(state: Any, mesh: Mesh, fsdp_size: int = FSDP_SIZE) -> Any:
    """Shardings of a state: parameters, averages, moments and discriminators alike.

    Args:
        state: a tree of arrays or of their shapes.
        fsdp_size: arrays with at least this many elements are sharded over the axis "fsdp", along
            the longest axis that it divides (ZeRO-3, Rajbhandari et al. 2020).

    Returns:
        A tree of `NamedSharding` of the same structure.
    """

    def one(path: Any, leaf: Any) -> NamedSharding:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        axes: list[str | None] = [None] * len(leaf.shape)
        for rule, axis in TENSOR_RULES:
            if rule.search(name) and leaf.shape[axis] % mesh.shape["model"] == 0:
                axes[axis] = "model"
        free = [i for i, length in enumerate(leaf.shape) if axes[i] is None]
        fitting = [i for i in free if leaf.shape[i] % mesh.shape["fsdp"] == 0]
        if fitting and np.prod(leaf.shape) >= fsdp_size:
            axes[max(fitting, key=lambda i: leaf.shape[i])] = "fsdp"
        return NamedSharding(mesh, jax.P(*axes))

    return jax.tree_util.tree_map_with_path(one, state)
