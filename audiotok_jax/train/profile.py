"""Profiler traces of some steps, for xprof or Perfetto."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax


class Profile:
    """Traces a range of steps, from the first to before the end, on this process."""

    def __init__(self, folder: Path, steps: tuple[int, int]):
        self._folder = folder
        self._first, self._end = steps
        self._on = False

    @contextmanager
    def step(self, step: int) -> Iterator[None]:
        """A context for the dispatch of a step."""
        if not self._on and self._first <= step < self._end:
            jax.profiler.start_trace(str(self._folder))
            self._on = True
        with jax.profiler.StepTraceAnnotation("train", step_num=step):
            yield

    def ended(self, step: int) -> None:
        """Must be called when the devices have finished a step."""
        if step >= self._end - 1:
            self.close()

    def close(self) -> None:
        """Writes the trace, if one is in progress."""
        if self._on:
            self._on = False
            jax.profiler.stop_trace()
