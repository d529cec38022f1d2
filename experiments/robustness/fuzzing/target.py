"""What is fuzzed: a file that something reads, and how to tell whether it read it rightly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

Mutation = Callable[[bytes, Random], bytes]
"""Makes other bytes of those of a whole file; its name is told."""


class Silent(Exception):
    """Something was read without an error that is not what the file holds, or not all of it."""


@dataclass(frozen=True)
class Target:
    """A file, what is done to it, and what reads it.

    Attributes:
        reader: what is counted together, as "audio/flac".
        share: how often it is drawn, against others.
        path: of the whole file, whose place a mutant takes.
        mutations: from which some are drawn.
        check: given the bytes of the mutant, which lies at `path`, reads it and says whether that
            gave what the whole file gives. It raises `Silent`, and whatever the reader raises.
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
