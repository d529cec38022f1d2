"""Which files a command reads and writes, and what is told about them on standard error."""

from __future__ import annotations

import logging
import os
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from audiotok_jax import signals
from audiotok_jax.files import final_names, find, fold, folds_case

TOKEN_SUFFIXES = (".atok", ".npy", ".json")
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
PIPE = Path("-")

_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # control, surrogates, ends of lines and paragraphs

Targets = Callable[[Path, Path], tuple[Path, ...]]
"""Gives the outputs for a file, and for its path inside the input that named it."""


@dataclass
class Job:
    """One input, its outputs, and what became of it.

    Attributes:
        source: the file to read, or "-".
        outputs: the files to write, or "-".
        num_samples: length of the speech so far, at the rate of the model.
        error: why there are no outputs.
    """

    source: Path
    outputs: tuple[Path, ...]
    num_samples: int = 0
    error: Exception | None = None

    def make_folders(self) -> None:
        """Makes the folders that the outputs lie in."""
        for output in self.outputs:
            output.parent.mkdir(parents=True, exist_ok=True)

    def fail(self, error: Exception) -> None:
        """Notes and tells why there are no outputs."""
        self.error = error
        complain(error)


class Plan:
    """The jobs of one command, checked before any work is done.

    Attributes:
        jobs: what is to be done.
        kept: number of inputs left out because an output is there already.
    """

    def __init__(
        self,
        inputs: Iterable[str],
        suffixes: tuple[str, ...],
        targets: Targets,
        force: bool,
    ) -> None:
        """Pairs inputs with outputs.

        Args:
            inputs: files, folders, "-".
            suffixes: of the files that are looked for in folders.
            targets: gives the outputs for a file.
            force: whether outputs that are there already are to be replaced.

        Raises:
            ValueError: two inputs would have the same output, or an output is an input.
            OSError: an input does not exist.
        """
        found: dict[Path, Path] = {}  # source, and its path inside the input that named it
        for path in map(Path, inputs):
            folder = path if path.is_dir() else path.parent
            for source in find([path], suffixes):
                inside = Path("stdin") if source == PIPE else source.relative_to(folder)
                found.setdefault(source, inside)
        jobs = _pair(found, targets)
        _check_outputs(jobs)
        self.jobs = [
            job
            for job in jobs
            if force or not any(os.path.lexists(output) for output in job.outputs if output != PIPE)
        ]
        self.kept = len(jobs) - len(self.jobs)

    def finish(self) -> int:
        """Tells what was kept and returns the exit code."""
        if self.kept:
            total = self.kept + len(self.jobs)
            tell(f"kept the outputs that {self.kept} of {total} inputs have; --force replaces them")
        return int(any(job.error for job in self.jobs))


def targets_at(inputs: list[str], out: str | None, suffixes: tuple[str, ...]) -> Targets:
    """Reads the option `-o`: a file for one input, a folder for many, "-", or beside the input.

    Args:
        inputs: files, folders, "-".
        out: what the option says; None puts each output beside its input.
        suffixes: those that an output may have; the first is the one it gets.

    Raises:
        ValueError: `out` does not fit the inputs or has another suffix.
    """
    if out is None:
        return lambda source, _: (PIPE if source == PIPE else source.with_suffix(suffixes[0]),)
    path = Path(out)
    if path == PIPE:
        return lambda *_: (PIPE,)
    if path.is_dir() or out.endswith("/") or len(inputs) > 1 or Path(inputs[0]).is_dir():
        if path.exists() and not path.is_dir():
            raise ValueError(f"{out} is a file, but many outputs need a folder")
        return lambda _, inside: ((path / inside).with_suffix(suffixes[0]),)
    if path.suffix.lower() not in suffixes:
        raise ValueError(
            f"{out}: the name must end in {' or '.join(suffixes)}, or in / for a folder"
        )
    return lambda *_: (path,)


def _pair(found: Mapping[Path, Path], targets: Targets) -> list[Job]:
    """Gives each source its outputs; names keep the suffix of the source where they would clash.

    Names that some file systems take for the same clash, too, wherever the outputs may come to lie.
    """
    kept: set[Path] = set()
    while True:
        jobs = [
            Job(paths[0], targets(*(map(_protected, paths) if paths[0] in kept else paths)))
            for paths in found.items()
        ]
        owners: dict[str, set[Path]] = defaultdict(set)
        for job in jobs:
            for output in job.outputs:
                if output != PIPE:
                    owners[fold(os.path.realpath(output))].add(job.source)
        clashing = set().union(*(group for group in owners.values() if len(group) > 1)) - kept
        if not clashing:
            return jobs
        kept |= clashing  # and what these clash with, in turn


def _protected(path: Path) -> Path:
    """The path with a suffix more, which an output replaces in place of its own."""
    return path.with_name(f"{path.name}.x")


def _check_outputs(jobs: list[Job]) -> None:
    sources = {os.path.realpath(job.source) for job in jobs}
    owners: dict[str, tuple[str, Path]] = {}
    for job in jobs:
        for output in job.outputs:
            if output == PIPE:
                if len(jobs) > 1:
                    raise ValueError("standard output takes the tokens or speech of one input only")
                if sys.stdout.isatty():
                    raise ValueError("standard output is a terminal; redirect it, or use -o FILE")
                continue
            place = os.path.realpath(output)
            if place in sources:
                raise ValueError(f"{output} is an input, too; choose another output with -o")
            other, owner = owners.setdefault(fold(place), (place, job.source))
            if owner != job.source and (other == place or folds_case(output.parent)):
                raise ValueError(
                    f"{owner} and {job.source} would both become {output}; give each an -o of its "
                    "own"
                )


@contextmanager
def progress(verb: str, files: int) -> Iterator[Callable[[float, int], None]]:
    """Shows a bar on standard error if that is a terminal.

    Yields:
        What takes the seconds of audio and the number of files that were done since the last call.
    """
    if not sys.stderr.isatty():
        yield lambda seconds, files: signals.check()
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


def complain(error: BaseException) -> None:
    """Says on standard error, in one line, what went wrong."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        tell(f"{os.fsdecode(error.filename)}: {error.strerror}")
    else:
        tell(str(error) or type(error).__name__)


class _Teller(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        tell(record.getMessage())


def tell_warnings() -> None:
    """Makes what this package warns of a line on standard error as all others."""
    ours = logging.getLogger("audiotok_jax")
    if not any(isinstance(handler, _Teller) for handler in ours.handlers):
        ours.addHandler(_Teller())


def tell(message: str) -> None:
    """Prints one line on standard error."""
    print("audiotok:", printable(final_names(message)), file=sys.stderr)


def printable(text: str) -> str:
    """The same text in one line: what moves a cursor or is no character shows as its escape."""
    return "".join(
        repr(letter)[1:-1] if unicodedata.category(letter) in _UNPRINTABLE else letter
        for letter in text
    )
