"""Progress of a corpus on standard error: a bar on a terminal, otherwise a line per shard."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from audiotok_jax.terminal import tell

if TYPE_CHECKING:
    from audiotok_jax.corpus.engines import Done
    from audiotok_jax.corpus.plan import Shard
    from audiotok_jax.corpus.shards import Receipt


@contextmanager
def showing(
    count: int, todo: Sequence[Shard], sample_rate: int
) -> Iterator[Callable[[Done | Receipt], None]]:
    """Shows the progress of a run of `count` shards, of which those in `todo` are not done yet.

    Yields:
        A function that takes the events of `make.make`.
    """
    state = _State(count, todo, sample_rate)
    if not sys.stderr.isatty():

        def note(event: Done | Receipt) -> None:
            if state.add(event):
                tell(f"shard {state.shards} of {count}: {state}")

        yield note
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("clips"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[s]}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("clips", total=state.clips, s=state)

        def draw(event: Done | Receipt) -> None:
            state.add(event)
            bar.update(task, completed=state.done)

        yield draw


class _State:
    """Counts of what is done; `str` gives hours, speed, errors and the time left."""

    def __init__(self, count: int, todo: Sequence[Shard], sample_rate: int) -> None:
        self.clips = sum(shard.clips for shard in todo)
        self.shards = count - len(todo)
        self.done = 0
        self._errors = 0
        self._seconds = 0.0
        self._rate = sample_rate
        self._start = time.monotonic()

    def add(self, event: Done | Receipt) -> bool:
        """Takes one event of `make.make`; returns whether it ends a shard."""
        from audiotok_jax.corpus.shards import Receipt

        if isinstance(event, Receipt):
            self.shards += 1
            return True
        self.done += 1
        self._errors += bool(event.error)
        self._seconds += 0 if event.error else event.num_samples / self._rate
        return False

    def __str__(self) -> str:
        passed = max(time.monotonic() - self._start, 1e-9)
        left = passed * (self.clips / self.done - 1) if self.done else 0.0
        minutes, seconds = divmod(round(left), 60)
        return (
            f"{self._seconds / 3600:.2f} h, {self._seconds / passed:.0f} x real time, "
            f"{self._errors} errors, {minutes}:{seconds:02} left"
        )
