"""Processes that decode audio ahead of the encoder."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from audiotok_jax.corpus import decoding
from audiotok_jax.corpus.decoding import Piece, Shape
from audiotok_jax.corpus.inputs import Original
from audiotok_jax.corpus.plan import Plan, Shard

AHEAD = 32
"""Windows that a process decodes ahead: about 7 MB."""

TRIES = 3
"""Attempts at a clip on which the process dies."""

STOP_SECONDS = 5.0
"""Time that a process has to end before it is killed."""


def decoded(
    plan: Plan, shards: Sequence[Shard], shape: Shape, workers: int
) -> Generator[tuple[int, Piece], None, None]:
    """Decodes the clips of shards in their order.

    Process k of n decodes the clips k, k + n, ... A clip on which a process dies `TRIES` times
    counts as one that cannot be read, and a new process continues after it.

    With 0 workers, this process decodes.

    Yields:
        Number of the clip in the plan, and its next piece.

    Raises:
        decoding.Unavailable: as `decoding.pieces`.
    """
    if not workers:
        for number, original in _clips(plan, shards):
            for piece in decoding.pieces(original, shape):
                yield number, piece
        return
    with ExitStack() as stack:
        team = [_Worker(plan, shards, shape, k, workers) for k in range(workers)]
        for worker in team:
            stack.callback(worker.stop)
        numbers = (number for shard in shards for number in _numbers(shard))
        for place, number in enumerate(numbers):
            for piece in team[place % workers].pieces(place):
                yield number, piece


class _Worker:
    """A process that decodes, and the pieces received from it."""

    def __init__(
        self, plan: Plan, shards: Sequence[Shard], shape: Shape, first: int, step: int
    ) -> None:
        """Starts at clip `first` of the shards, and decodes every `step`-th."""
        self._work = (plan, shards, shape)
        self._step = step
        self._process: BaseProcess | None = None
        self._start(first)

    def pieces(self, place: int) -> Iterator[Piece]:
        """The pieces of the next clip, which is clip `place` of the shards."""
        given = known = deaths = 0
        last = False
        while not last:
            try:
                piece = self._connection.recv()
            except (EOFError, OSError):
                deaths += 1
                known = 0
                if deaths < TRIES:  # only this clip, as a later one may have killed the process
                    self._start(place, place + 1)
                    continue
                piece, known = Piece(None, 0, last=True, error="kills what decodes it"), given
            if isinstance(piece, Exception):
                raise piece
            last = piece.last
            known += 1
            if known > given:  # otherwise it was yielded before the process died
                given = known
                yield piece
        if deaths:
            self._start(place + self._step)

    def stop(self) -> None:
        """Terminates the process, if there is one."""
        if self._process is None:
            return
        self._process.terminate()  # lets it remove its temporary files
        self._process.join(STOP_SECONDS)
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _start(self, first: int, end: int | None = None) -> None:
        """Starts a new process for the clips from `first` up to `end`."""
        self.stop()
        context = multiprocessing.get_context("forkserver")  # JAX's threads do not survive a fork
        context.set_forkserver_preload([__name__])
        self._connection, theirs = context.Pipe(duplex=False)
        with theirs:
            places = slice(first, end, self._step)
            self._process = context.Process(
                target=_serve, args=(theirs, *self._work, places), daemon=True
            )
            self._process.start()


def _serve(
    connection: Connection, plan: Plan, shards: Sequence[Shard], shape: Shape, places: slice
) -> None:
    """Main function of a worker: decodes ahead while a thread sends."""
    for number in (signal.SIGINT, signal.SIGHUP):  # all processes get them; the parent stops this
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    ready: queue.Queue[Piece | Exception] = queue.Queue(AHEAD)

    def send() -> None:
        try:
            while True:
                connection.send(ready.get())
        except OSError:  # the parent no longer reads
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=send, daemon=True).start()
    try:
        clips = itertools.islice(_clips(plan, shards), places.start, places.stop, places.step)
        for _, original in clips:
            for piece in decoding.pieces(original, shape):
                ready.put(piece)
    except Exception as error:
        ready.put(error)
    signal.pause()  # until everything is read and SIGTERM arrives


def _clips(plan: Plan, shards: Sequence[Shard]) -> Iterator[tuple[int, Original]]:
    """The clips of shards, and their numbers."""
    for shard in shards:
        yield from zip(_numbers(shard), plan.originals(shard), strict=True)


def _numbers(shard: Shard) -> range:
    return range(shard.first, shard.first + shard.clips)
