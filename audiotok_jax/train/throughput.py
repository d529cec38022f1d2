"""Speed of a run, and utilization of its devices."""

from __future__ import annotations

import dataclasses
import time

import jax

from audiotok_jax import parallel
from audiotok_jax.products import chain

# Rows and columns of the factors of timed products, and number of consecutive products. The best of
# some trials counts; together they take a few tenths of a second.
_SIZES = {"cpu": (512, 4)}
_SIZE_ELSEWHERE = (8192, 8)
_TRIALS = 5


@dataclasses.dataclass
class Throughput:
    """Speed of steps, measured from the end of the previous one.

    Attributes:
        audio_seconds: of audio per step.
        flops: of a step, as `products.matmul_flops` counts them.
        peak: FLOP/s of all devices, as `peak_flops` measures them.
    """

    audio_seconds: float
    flops: float
    peak: float
    _last: float | None = None

    def pause(self) -> None:
        """Excludes the time until the next step has ended."""
        self._last = None

    def step(self) -> dict[str, float]:
        """Must be called when a step has ended.

        Returns:
            `audio_seconds_per_second`, and `mfu`: the model FLOPs utilization (Chowdhery et al.
            2022, "PaLM", appendix B), but relative to the rate of large matrix products measured on
            these devices instead of the data sheet. Empty for the first step, and the first one
            after `pause`.
        """
        now = time.perf_counter()
        last, self._last = self._last, now
        if last is None:
            return {}
        return {
            "audio_seconds_per_second": self.audio_seconds / (now - last),
            "mfu": self.flops / self.peak / (now - last),
        }


def peak_flops(precision: str) -> float:
    """FLOP/s of large products of matrices of dtype `precision` on all devices, measured.

    The devices of this process compute at the same time, as simulated ones of a CPU share its
    cores; those of other processes are assumed to be equal.
    """
    mesh = parallel.make_mesh()
    size, products = _SIZES.get(mesh.devices.flat[0].platform, _SIZE_ELSEWHERE)
    multiply, flops = chain(mesh, precision, size, products)
    jax.block_until_ready(multiply())  # compiles, and warms up the chip
    seconds = []
    for _ in range(_TRIALS):
        start = time.perf_counter()
        jax.block_until_ready(multiply())
        seconds.append(time.perf_counter() - start)
    return flops / min(seconds) * jax.process_count()
