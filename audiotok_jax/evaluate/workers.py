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
    # One thread per process, so that N processes on N cores do not compete.
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
    """Measures clips, at least one, with available metrics in `jobs` processes.

    Yields:
        The results of `works`, in the order in which they finish.

    Raises:
        OSError: a process died.
    """
    jobs = min(jobs, len(works))
    spawn = multiprocessing.get_context("spawn")  # JAX is not fork-safe
    with _environment(), ProcessPoolExecutor(jobs, spawn, initializer=work.start) as pool:
        try:
            for future in as_completed([pool.submit(work.evaluate, one, metrics) for one in works]):
                yield future.result()
        except BrokenProcessPool:
            raise OSError(
                "a process died, maybe for want of memory; what was measured is kept, and the same "
                "command goes on from there (with fewer --jobs, if it was the memory)"
            ) from None
        except BaseException:  # such as Ctrl-C or a full disk: abandon the clips in progress
            for process in multiprocessing.active_children():
                process.terminate()
            raise


@contextmanager
def _environment() -> Iterator[None]:
    """Sets `_ENVIRONMENT` for processes started in the block, except for variables already set."""
    added = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
