"""Products of matrices: their FLOPs in a traced function, and a chain of them to be timed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.extend import core
from jax.sharding import Mesh

from audiotok_jax import parallel


def matmul_flops(jaxpr: core.ClosedJaxpr | core.Jaxpr) -> float:
    """Multiplications and additions of the matrix products and convolutions in a traced function.

    XLA's cost analysis of a compiled program excludes products computed by GPU libraries, and
    counts the body of a loop once.

    Args:
        jaxpr: as in `jax.jit(f).trace(...)`. A `while` loop, whose iterations are unknown, counts
            as one iteration, and of a conditional the most expensive branch counts.
    """
    total = 0.0
    for equation in jaxpr.eqns:
        name, params = equation.primitive.name, equation.params
        if name in ("dot_general", "conv_general_dilated"):
            out: Any = equation.outvars[0].aval
            total += 2 * out.size * _terms(equation)
        elif name == "cond":
            total += max(map(matmul_flops, params["branches"]))
        else:
            turns = params["length"] if name == "scan" else 1
            total += turns * sum(map(matmul_flops, core.jaxprs_in_params(params)))
    return total


def _terms(equation: core.JaxprEqn) -> int:
    """Number of products in the sum for one element."""
    left, right = (var.aval for var in equation.invars)  # type: Any, Any
    numbers = equation.params["dimension_numbers"]
    if equation.primitive.name == "dot_general":
        (axes, _), _ = numbers
        return math.prod(left.shape[axis] for axis in axes)
    return right.size // right.shape[numbers.rhs_spec[0]]


def chain(mesh: Mesh, precision: str, size: int, count: int) -> tuple[Callable[[], Array], float]:
    """Consecutive products of matrices, on all devices of a mesh at the same time.

    Args:
        precision: dtype of the factors.
        size: rows and columns of the factors.
        count: number of products on each device.

    Returns:
        A function that starts them, and their FLOPs.
    """
    rows = mesh.devices.size * size

    def factors() -> tuple[Array, Array]:
        # Random, as products of zeros are faster: a chip clocks higher if few bits change.
        left = jax.random.normal(jax.random.key(0), (rows, size))
        right = jax.random.normal(jax.random.key(1), (size, size)) / np.sqrt(size)
        return left.astype(precision), right.astype(precision)

    def multiply(left: Array, right: Array) -> Array:
        return jax.lax.fori_loop(0, count, lambda _, left: left @ right, left)

    places = parallel.by_rows(mesh), parallel.replicated(mesh)
    pair = jax.jit(factors, out_shardings=places)()
    run = jax.jit(multiply)
    return lambda: run(*pair), 2.0 * count * rows * size**2
