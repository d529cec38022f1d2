"""Targets of fuzzing: a file, and a check whether its reader reads it correctly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

Mutation = Callable[[bytes, Random], bytes]
"""A function that changes the bytes of a file; reports contain its name."""


class Silent(Exception):
    """A reader returned something else than the file holds, and raised no error."""


@dataclass(frozen=True)
class Target:
    """A file, its mutations, and the check of its reader.

    Attributes:
        reader: name under which outcomes are counted, such as "audio, flac".
        share: relative number of inputs.
        path: of the undamaged file, which a mutant replaces.
        mutations: from which some are drawn.
        check: reads the mutant at `path`, whose bytes it is given, and returns whether the result
            is that of the undamaged file. It raises `Silent`, and whatever the reader raises.
        named: what an error must name: the file, or the folder that it belongs to.
    """

    reader: str
    share: int
    path: Path
    mutations: Sequence[Mutation]
    check: Callable[[bytes], bool]
    named: Path


def expect(condition: bool, otherwise: str) -> None:
    """Raises `Silent`, unless a condition holds."""
    if not condition:
        raise Silent(otherwise)
