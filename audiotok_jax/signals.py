"""Handlers of SIGTERM and SIGHUP: both end a command as Ctrl-C does, without leftovers."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from audiotok_jax import files


class Ended(SystemExit):
    """Raised by a signal; `number`, the exit code, is 128 + that of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_got: list[int] = []


def check() -> None:
    """Raises `Ended` if a signal came whose exception was lost.

    Python ignores what is raised while a destructor or a function called from C is at work. To be
    called now and then by whatever takes long.
    """
    if _got:
        raise Ended(128 + _got[0])


@contextmanager
def ending() -> Iterator[None]:
    """Makes both signals raise `Ended` in the block, and removes temporary files if one came.

    A signal that is ignored already (`nohup`) stays so. In another thread than the main one, where
    Python takes no signals, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        if not _got:  # a second one must not interrupt what the first one has removed
            _got.append(number)
            check()

    def ignored(lost: sys.UnraisableHookArgs) -> None:
        if not issubclass(lost.exc_type, Ended):  # of which `check` knows
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
