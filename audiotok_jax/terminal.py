"""Output of commands: messages, progress bars and tables, with odd characters escaped."""

from __future__ import annotations

import logging
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from audiotok_jax import signals
from audiotok_jax.files import final_names

LINE_SECONDS = 30.0
"""Time between two lines about progress where there is no terminal."""

_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # control, surrogates, ends of lines and paragraphs


@contextmanager
def progress(verb: str, files: int) -> Iterator[Callable[[float, int], None]]:
    """Shows a bar on standard error if that is a terminal, and else a line now and then.

    Yields:
        A function of the seconds of audio and the number of files done since its last call.
    """
    if not sys.stderr.isatty():
        yield _lines(verb, files)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    audio = TextColumn("{task.fields[seconds]:.0f} s of audio in")
    columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), audio, TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(verb, total=files, seconds=0.0)

        def advance(seconds: float, files: int) -> None:
            signals.check()
            bar.update(task, advance=files, seconds=bar.tasks[0].fields["seconds"] + seconds)

        yield advance


def _lines(verb: str, files: int) -> Callable[[float, int], None]:
    """The function that `progress` yields for a log: prints a line every `LINE_SECONDS`."""
    told = time.monotonic()
    heard, done = 0.0, 0

    def advance(seconds: float, files_done: int) -> None:
        nonlocal told, heard, done
        signals.check()
        heard += seconds
        done += files_done
        if time.monotonic() - told >= LINE_SECONDS:
            told = time.monotonic()
            tell(f"{verb}: {done} of {files} files done, {heard:.0f} s of audio in")

    return advance


def complain(error: BaseException) -> None:
    """Prints an error in one line on standard error."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        tell(f"{os.fsdecode(error.filename)}: {error.strerror}")
    else:
        tell(str(error) or type(error).__name__)


class _Teller(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        tell(record.getMessage())


def tell_warnings() -> None:
    """Prints the warnings of this package as messages on standard error."""
    ours = logging.getLogger("audiotok_jax")
    if not any(isinstance(handler, _Teller) for handler in ours.handlers):
        ours.addHandler(_Teller())


def tell(message: str) -> None:
    """Prints one line on standard error."""
    print("audiotok:", printable(final_names(message)), file=sys.stderr)


def printable(text: str) -> str:
    """The text in one line: control and other unprintable characters become escapes."""
    return "".join(
        repr(letter)[1:-1] if unicodedata.category(letter) in _UNPRINTABLE else letter
        for letter in text
    )


def show_table(rows: list[tuple[str, ...]]) -> None:
    """Prints a table, its first row the header; escapes unprintable characters."""
    rows = [tuple(map(printable, row)) for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*rows[0])
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows[1:]:
            table.add_row(*row)
        Console(markup=False, emoji=False).print(table)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        print(name.ljust(widths[0]), *numbers, sep="  ")
