"""How fast a run is, and how well it uses its devices."""

from __future__ import annotations

import math
import time
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.extend import core

from audiotok_jax import parallel

# Of the products that are timed: rows and columns of the factors, and how many products in a row.
# The best of some trials counts; together they take some tenths of a second.
_SIZES = {"cpu": (512, 4)}
_SIZE_ELSEWHERE = (8192, 8)
_TRIALS = 5


class Throughput:
    """Speed of steps, each measured from the end of the one before to its own."""

    def __init__(self, audio_seconds: float, flops: float, peak: float):
        """Waits for the first step.

        Args:
            audio_seconds: that a step hears.
            flops: of a step, as `matmul_flops` counts them.
            peak: FLOP/s of all devices, as `peak_flops` measures them.
        """
        self._audio_seconds = audio_seconds
        self._flops = flops
        self._peak = peak
        self._last: float | None = None

    def pause(self) -> None:
        """Leaves out the time until the next step has ended."""
        self._last = None

    def step(self) -> dict[str, float]:
        """To be called when a step has ended.

        Returns:
            `audio_seconds_per_second`, and `mfu`: the model FLOPs utilization (Chowdhery et al.
            2022, "PaLM", appendix B), but relative to the rate of large matrix products measured on
            these very devices, instead of the maker's figure.  Nothing for the first step, or the
            first one after `pause`.
        """
        now = time.perf_counter()
        last, self._last = self._last, now
        if last is None:
            return {}
        return {
            "audio_seconds_per_second": self._audio_seconds / (now - last),
            "mfu": self._flops / self._peak / (now - last),
        }


def matmul_flops(jaxpr: core.ClosedJaxpr | core.Jaxpr) -> float:
    """Multiplications and additions of the matrix products and convolutions in a traced function.

    What XLA's own analysis says of a compiled program leaves out the products that a GPU library
    computes, and counts the body of a loop once.

    Args:
        jaxpr: such as `jax.jit(f).trace(...)` has.  The turns of a `while` loop, which are not
            known, count as one, and of the branches of a condition the dearest counts.
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
    """Products that are summed up for one number."""
    left, right = (var.aval for var in equation.invars)  # type: Any, Any
    numbers = equation.params["dimension_numbers"]
    if equation.primitive.name == "dot_general":
        (axes, _), _ = numbers
        return math.prod(left.shape[axis] for axis in axes)
    return right.size // right.shape[numbers.rhs_spec[0]]


def peak_flops(precision: str) -> float:
    """FLOP/s of large matrix products on the devices of all processes, measured.

    The devices of this process compute at once, as the simulated ones of a CPU share its cores;
    those of other processes are taken to be like them.

    Args:
        precision: dtype of the factors.
    """
    mesh = parallel.make_mesh()
    size, products = _SIZES.get(mesh.devices.flat[0].platform, _SIZE_ELSEWHERE)
    rows = mesh.devices.size * size

    def factors() -> tuple[Array, Array]:
        # Zeros would be multiplied faster: a chip clocks higher when few bits change.
        left = jax.random.normal(jax.random.key(0), (rows, size))
        right = jax.random.normal(jax.random.key(1), (size, size)) / np.sqrt(size)
        return left.astype(precision), right.astype(precision)

    def chain(left: Array, right: Array) -> Array:
        return jax.lax.fori_loop(0, products, lambda _, left: left @ right, left)

    places = parallel.by_rows(mesh), parallel.replicated(mesh)
    pair = jax.jit(factors, out_shardings=places)()
    multiply = jax.jit(chain)
    jax.block_until_ready(multiply(*pair))  # compiled, and the clock of the chip is up
    seconds = []
    for _ in range(_TRIALS):
        start = time.perf_counter()
        jax.block_until_ready(multiply(*pair))
        seconds.append(time.perf_counter() - start)
    return 2 * products * rows * size**2 / min(seconds) * jax.process_count()
