"""Processes that read mutants: one that hangs, dies or takes too much memory is replaced."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import resource
import shutil
import signal
import tempfile
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import NamedTuple

from fuzzing.target import Silent, Target

SECONDS = 5.0
"""Timeout of a reader; it counts as hanging after two, as the machine may be busy."""

MEMORY = 1 << 30
"""Most bytes of a process, or of a program that it starts."""

ROOM = 4 << 30
"""Limit of memory that the system enforces, in bytes, for readers that allocate without end."""

Targets = Callable[[Path], list[Target]]


class Outline(NamedTuple):
    """The part of a target that is sent to another process."""

    reader: str
    share: int
    file: str


@dataclass(frozen=True)
class Result:
    """The outcome of an input.

    Attributes:
        number: of the input; with the seed, it determines the mutant.
        reader: that of its target.
        file: name of the file.
        how: names of the mutations.
        outcome: "refused", "same" or "changed", or one of `FAULTS`.
        detail: the error, if there is one.
        memory: peak memory of the process so far, in bytes.
    """

    number: int
    reader: str
    file: str
    how: str
    outcome: str = ""
    detail: str = ""
    memory: int = 0


FAULTS = {
    "traceback": "another error than those that become one line",
    "unclear": "an error that does not name the file",
    "silent": "read without an error, and wrongly",
    "hang": f"not done after {SECONDS:g} s",
    "memory": "more than 1 GiB",
    "crash": "the process died",
}
"""Outcomes that must not occur."""


def schedule(targets: Sequence[Outline], count: int) -> list[int]:
    """The target of each input, by index: readers alternate by their shares, as do their files."""
    readers: dict[str, list[int]] = defaultdict(list)
    for place, target in enumerate(targets):
        readers[target.reader].append(place)
    every = sum(target.share for target in targets)
    turns = []
    for name, places in readers.items():
        share = sum(targets[place].share for place in places) / every
        turns += [(turn / share, name, turn) for turn in range(math.ceil(count * share) + 1)]
    return [readers[name][turn % len(readers[name])] for _, name, turn in sorted(turns)[:count]]


def mutant(target: Target, whole: bytes, seed: int, number: int) -> tuple[bytes, str]:
    """The bytes of an input, and the names of its mutations."""
    random = Random(f"{seed}/{number}")
    data, names = whole, []
    for _ in range(random.choice((1, 1, 1, 2))):
        if data:
            mutate = random.choice(target.mutations)
            data = mutate(data, random)
            names.append(mutate.__qualname__.partition(".")[0])
    return data, ", ".join(names)


def examine(target: Target, whole: bytes, data: bytes) -> tuple[str, str]:
    """Replaces a file by a mutant, has it read, and returns outcome and detail."""
    target.path.write_bytes(data)
    try:
        same = target.check(data)
    except Silent as error:
        return "silent", str(error)
    except MemoryError as error:
        return "memory", "".join(traceback.format_exception(error)[-3:])
    except (ValueError, OSError, FloatingPointError) as error:
        told = str(error)
        named = str(target.named) in told or target.path.name in told
        refused = named and type(error) is not UnicodeError
        return "refused" if refused else "unclear", repr(error)[:500]
    except Exception as error:
        return "traceback", "".join(traceback.format_exception(error))[-1500:]
    finally:
        target.path.write_bytes(whole)
    return "same" if same else "changed", ""


class Worker:
    """A process with its own copy of all files.

    Attributes:
        targets: all targets in it.
    """

    targets: list[Outline]

    def __init__(self, folder: Path, targets: Targets, seed: int) -> None:
        """Takes the folder of undamaged files, and a function that lists the targets in a copy."""
        self._work = (folder, targets, seed)
        self._start()

    def run(self, number: int, about: Result) -> Result:
        """Lets the process read an input of the target `number`."""
        for _ in range(2):
            self._connection.send((number, about))
            if self._connection.poll(SECONDS):
                try:
                    found: Result = self._connection.recv()
                except (EOFError, ConnectionResetError):
                    self._process.join()
                    found = replace(about, outcome="crash", detail=f"code {self._process.exitcode}")
                if found.memory > MEMORY:
                    found = replace(found, outcome="memory", detail=f"{found.memory} bytes")
                if found.outcome in ("crash", "memory"):
                    self.stop()
                    self._start()
                return found
            self.stop()
            self._start()
        return replace(about, outcome="hang")

    def stop(self) -> None:
        """Kills the process, and the programs that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid or 0, signal.SIGKILL)
        self._process.join()
        self._connection.close()
        self._copy.cleanup()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._copy = tempfile.TemporaryDirectory(prefix="fuzz-")
        self._connection, theirs = context.Pipe()
        with theirs:
            self._process = context.Process(
                target=_serve, args=(theirs, Path(self._copy.name), *self._work)
            )
            self._process.start()
        self.targets = self._connection.recv()


def _serve(connection: Connection, copy: Path, folder: Path, targets: Targets, seed: int) -> None:
    os.setsid()  # so that the programs that it starts are killed with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable()
    place = (copy / "inputs").resolve()
    shutil.copytree(folder, place, symlinks=True, copy_function=_copied)
    found = targets(place)
    wholes = [target.path.read_bytes() for target in found]
    resource.setrlimit(resource.RLIMIT_DATA, (ROOM, ROOM))
    connection.send([Outline(one.reader, one.share, one.path.name) for one in found])
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere), redirect_stdout(nowhere):
        os.dup2(nowhere.fileno(), 2)  # libraries write to it as well
        while True:
            try:
                number, about = connection.recv()
            except EOFError:
                return
            data, how = mutant(found[number], wholes[number], seed, about.number)
            outcome, detail = examine(found[number], wholes[number], data)
            about = replace(
                about, how=how, outcome=outcome, detail=detail.replace(str(place), "...")
            )
            programs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
            connection.send(replace(about, memory=max(_most_taken(), programs)))


def _most_taken() -> int:
    """Peak memory of this process in bytes; `ru_maxrss` would include that of its parent."""
    status = Path("/proc/self/status").read_text()
    return 1024 * next(
        int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")
    )


def _copied(source: str, target: str) -> None:
    """Copies a file like `shutil.copy2`, and pipes, too."""
    if Path(source).is_fifo():
        os.mkfifo(target)
    else:
        shutil.copy2(source, target)
