"""Timing of tasks in rounds, each run right after matrix products that gauge the machine.

The load of the machine varies, so runs that are compared take place within seconds of each other,
and each is related to the rate of matrix products at that moment.
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
"""Rows of the factors and number of the matrix products that gauge a device, by its platform: they
take about a tenth of a second, with factors large enough for the highest rate."""

PRODUCTS_ELSEWHERE = (8192, 8)

COMPILED = "/jax/core/compile/backend_compile_duration"


class Task(NamedTuple):
    """A function to be timed.

    Attributes:
        what: name of what it does; tasks of the same name are compared.
        codec: name of the codec.
        speech: seconds of speech in a run, of all streams together.
        run: one run, which returns when everything is computed.
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
    """Measurements of a task.

    Attributes:
        task: the task.
        compiled: seconds of compilation by XLA in the first run, which is not timed otherwise.
        seconds: of each other run.
        rates: FLOP/s of matrix products just before each of them.
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

    Matrix products have float32 factors at full precision, as in float codecs.

    Args:
        tasks: those that are compared with each other should be consecutive.
        device: whose matrix products are measured.
        rounds: number of timed runs of each task.
        tell: called with a line about each round.
    """
    size, count = PRODUCTS.get(device.platform, PRODUCTS_ELSEWHERE)
    products, flops = chain(parallel.make_mesh([device]), "float32", size, count)
    _seconds(products)  # compiles
    with _no_cache():
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
    """Seconds of compilation by XLA in a run."""
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
def _no_cache() -> Iterator[None]:
    """Disables the cache of compiled programs."""
    before = jax.config.values["jax_enable_compilation_cache"]
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
        compilation_cache.reset_cache()
