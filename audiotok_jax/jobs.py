"""The jobs of a command: its input files, each with its output files."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from audiotok_jax.files import find, fold, folds_case
from audiotok_jax.formats import CORPUS
from audiotok_jax.terminal import complain, tell

PIPE = Path("-")

Targets = Callable[[Path, Path], tuple[Path, ...]]
"""A function of a file and its path relative to its input, which returns the outputs."""


@dataclass
class Job:
    """One input, its outputs and its result.

    Attributes:
        source: the file to read, or "-".
        outputs: the files to write, or "-".
        num_samples: length of the speech so far, at the rate of the model.
        error: the reason if there are no outputs.
    """

    source: Path
    outputs: tuple[Path, ...]
    num_samples: int = 0
    error: Exception | None = None

    def make_folders(self) -> None:
        """Makes the folders of the outputs."""
        for output in self.outputs:
            output.parent.mkdir(parents=True, exist_ok=True)

    def fail(self, error: Exception) -> None:
        """Records and prints the error."""
        self.error = error
        complain(error)


class JobList:
    """The jobs of one command, checked before any work is done.

    Attributes:
        jobs: inputs to process.
        kept: number of inputs left out because an output exists.
    """

    def __init__(
        self, inputs: Iterable[str], suffixes: tuple[str, ...], targets: Targets, force: bool
    ) -> None:
        """Pairs inputs (files, folders, "-") with outputs.

        Args:
            suffixes: of the files to find in folders.
            force: whether existing outputs are replaced.

        Raises:
            ValueError: two inputs would have the same output, or an output is an input.
            OSError: an input does not exist.
        """
        jobs = _pair(find_sources(inputs, suffixes), targets)
        _check_outputs(jobs)
        self.jobs = [
            job
            for job in jobs
            if force or not any(os.path.lexists(output) for output in job.outputs if output != PIPE)
        ]
        self.kept = len(jobs) - len(self.jobs)

    def finish(self) -> int:
        """Reports the outputs that were kept; returns 1 if a job failed, else 0."""
        if self.kept:
            total = self.kept + len(self.jobs)
            tell(f"kept the outputs that {self.kept} of {total} inputs have; --force replaces them")
        return int(any(job.error for job in self.jobs))


def find_sources(inputs: Iterable[str], suffixes: tuple[str, ...]) -> dict[Path, Path]:
    """The files of inputs, with their paths relative to the input; see `files.find`."""
    found: dict[Path, Path] = {}
    for path in map(Path, inputs):
        folder = path if path.is_dir() else path.parent
        for source in find([path], suffixes):
            inside = Path("stdin") if source == PIPE else source.relative_to(folder)
            found.setdefault(source, inside)
    return found


def refuse_corpora(paths: Iterable[str]) -> None:
    """Rejects corpora, for commands that take token files and folders of them.

    Raises:
        ValueError: one of `paths` is a corpus.
    """
    for path in paths:
        if os.path.exists(os.path.join(path, CORPUS)):
            raise ValueError(f"{path}: a corpus; see audiotok corpus info, export and decode")


def check_folder(
    out: str, what: str, is_one: Callable[[str], bool], force: bool, sources: Iterable[Path] = ()
) -> None:
    """Checks a folder that is to be written as a whole.

    Args:
        out: the folder; it need not exist.
        what: name of its content, such as "a page".
        is_one: whether a folder holds such content, which may be replaced.
        force: whether it is replaced.
        sources: input files.

    Raises:
        ValueError: `out` is a file, contains an input, or must not be replaced.
    """
    if not os.path.lexists(out):
        return
    if not os.path.isdir(out):
        raise ValueError(f"{out} is no folder; choose another one for {what}")
    for source in sources:
        if Path(os.path.realpath(source)).is_relative_to(os.path.realpath(out)):
            raise ValueError(f"{source} lies in {out}; choose another folder for {what}")
    if not os.listdir(out):
        return
    if not is_one(out):
        raise ValueError(f"{out} holds something else than {what}; choose another folder")
    if not force:
        raise ValueError(f"{out} exists; --force replaces it")


def targets_at(inputs: list[str], out: str | None, suffixes: tuple[str, ...]) -> Targets:
    """Interprets the option `-o`: a file for one input, a folder for several, or "-".

    Args:
        out: value of the option; None puts each output beside its input.
        suffixes: allowed for outputs; the first is the default.

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
    """Assigns outputs to sources; names keep the suffix of the source where they would clash.

    Names that are equal on case-insensitive file systems also clash.
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
        kept |= clashing  # whose new names may clash in turn


def _protected(path: Path) -> Path:
    """The path with an extra suffix, for `with_suffix` to replace."""
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
