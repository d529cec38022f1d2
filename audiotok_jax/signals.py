"""Handlers of SIGTERM and SIGHUP: like Ctrl-C, they end a command without leftover files."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from audiotok_jax import files


class Ended(SystemExit):
    """Raised by a signal; `code`, the exit code, is 128 + the number of the signal."""

    code: int


_got: list[int] = []


def check() -> None:
    """Raises `Ended` if the exception of a signal was lost.

    Python ignores exceptions in destructors and in callbacks from C. Long-running code must call
    this regularly.
    """
    if _got:
        raise Ended(128 + _got[0])


def follow_parent() -> None:
    """Starts a thread that exits this process as soon as its parent process has ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def ending() -> Iterator[None]:
    """Makes SIGTERM and SIGHUP raise `Ended` in the block, and removes temporary files afterwards.

    A signal that is already ignored (`nohup`) stays ignored. In threads other than the main one,
    where Python handles no signals, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        if not _got:  # a second one must not interrupt the clean-up of the first
            _got.append(number)
            check()

    def ignored(lost: sys.UnraisableHookArgs) -> None:
        if not issubclass(lost.exc_type, Ended):  # which `check` raises again
            told(lost)

    told, sys.unraisablehook = sys.unraisablehook, ignored
    before = {
        number: signal.signal(number, end)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    except (Ended, KeyboardInterrupt):
        files.discard_all()
        raise
    finally:
        sys.unraisablehook = told
        for number, handler in before.items():
            signal.signal(number, handler)
        _got.clear()
