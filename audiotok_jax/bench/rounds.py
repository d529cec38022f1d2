"""Timing of tasks in rounds, in turns, each run after products of matrices that gauge the machine.

Other work on the machine comes and goes: what is compared runs within seconds of each other, and
each run is related to the rate of products of matrices at that moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
from jax.experimental.compilation_cache import compilation_cache

from audiotok_jax import parallel, signals
from audiotok_jax.products import chain
from audiotok_jax.settings import pinned

PRODUCTS = {"cpu": (512, 32)}
"""Rows of the factors and number of the products that gauge a device, by its platform: about a
tenth of a second, with factors that are large enough for it to be at its best."""

PRODUCTS_ELSEWHERE = (8192, 8)

COMPILED = "/jax/core/compile/backend_compile_duration"


class Task(NamedTuple):
    """What is timed.

    Attributes:
        what: it does; tasks that do the same are compared.
        codec: that does it.
        speech: seconds of speech in a run, of all streams together.
        run: one run, which returns when all is computed.
        streams: number of live streams; 0 is files.
        steps: of the streams in a run.
        flops: of the matrix products in a run; None is unknown.
    """

    what: str
    codec: str
    speech: float
    run: Callable[[], Any]
    streams: int = 0
    steps: int = 0
    flops: float | None = None


class Timing(NamedTuple):
    """What was measured of a task.

    Attributes:
        task: the task.
        compiled: seconds that XLA compiled for in its first run, which counts for nothing else.
        seconds: of each other run.
        rates: FLOP/s of products of matrices just before each of them.
    """

    task: Task
    compiled: float
    seconds: list[float]
    rates: list[float]


@pinned()
def measure(
    tasks: Sequence[Task], device: jax.Device, rounds: int, tell: Callable[[str], None]
) -> list[Timing]:
    """Runs all tasks once, and then all of them again in each round.

    Products are of float32 factors at full precision, as those of float codecs.

    Args:
        tasks: those that are compared with each other should follow on each other.
        device: whose products are measured.
        rounds: number of timed runs of each task.
        tell: is told of each round.
    """
    size, count = PRODUCTS.get(device.platform, PRODUCTS_ELSEWHERE)
    products, flops = chain(parallel.make_mesh([device]), "float32", size, count)
    _seconds(products)  # compiles
    with _anew():
        tell("first runs, which compile")
        timings = [Timing(task, _compiled(task.run), [], []) for task in tasks]
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        for timing in timings:
            signals.check()
            timing.rates.append(flops / _seconds(products))
            timing.seconds.append(_seconds(timing.task.run))
    return timings


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - start


def _compiled(run: Callable[[], Any]) -> float:
    """Seconds that XLA compiles for in a run."""
    total = 0.0

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        nonlocal total
        if event == COMPILED:
            total += duration_secs

    signals.check()
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        jax.block_until_ready(run())
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    return total


@contextmanager
def _anew() -> Iterator[None]:
    """Has programs compiled that were kept from before."""
    before = jax.config.values["jax_enable_compilation_cache"]
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
        compilation_cache.reset_cache()
