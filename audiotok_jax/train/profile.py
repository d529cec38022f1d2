"""A trace of some steps, for xprof or Perfetto."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax


class Profile:
    """Traces a range of steps on this process."""

    def __init__(self, folder: Path, steps: tuple[int, int]):
        """Waits for the first of the steps.

        Args:
            folder: gets the trace.
            steps: the first one and the end.
        """
        self._folder = folder
        self._first, self._end = steps
        self._on = False

    @contextmanager
    def step(self, step: int) -> Iterator[None]:
        """Surrounds what dispatches a step."""
        if not self._on and self._first <= step < self._end:
            jax.profiler.start_trace(str(self._folder))
            self._on = True
        with jax.profiler.StepTraceAnnotation("train", step_num=step):
            yield

    def ended(self, step: int) -> None:
        """To be told that the devices are done with a step."""
        if step >= self._end - 1:
            self.close()

    def close(self) -> None:
        """Writes the trace, if there is one under way."""
        if self._on:
            self._on = False
            jax.profiler.stop_trace()
