"""A pool of processes that measure clips."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from audiotok_jax.evaluate import work
from audiotok_jax.evaluate.metrics import Metric
from audiotok_jax.evaluate.work import Done, Work

_ENVIRONMENT = {
    # A process keeps to one core: then N of them on N cores do not get into each other's way.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


def measure(
    works: Sequence[Work], metrics: Sequence[Metric], jobs: int
) -> Generator[Done, None, None]:
    """Measures clips side by side.

    Args:
        works: the clips, at least one.
        metrics: such as are available here.
        jobs: number of processes.

    Yields:
        What became of each of `works`, as they end.

    Raises:
        OSError: a process died.
    """
    jobs = min(jobs, len(works))
    spawn = multiprocessing.get_context("spawn")  # the threads of JAX do not survive a fork
    with _environment(), ProcessPoolExecutor(jobs, spawn, initializer=work.start) as pool:
        try:
            for future in as_completed([pool.submit(work.evaluate, one, metrics) for one in works]):
                yield future.result()
        except BrokenProcessPool:
            raise OSError(
                "a process died, maybe for want of memory; what was measured is kept, and the same "
                "command goes on from there (with fewer --jobs, if it was the memory)"
            ) from None
        except BaseException:  # Ctrl-C, a full disk: nobody waits for the clips at work
            for process in multiprocessing.active_children():
                process.terminate()
            raise


@contextmanager
def _environment() -> Iterator[None]:
    """Gives processes that are started now `_ENVIRONMENT`, save what is set already."""
    added = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
