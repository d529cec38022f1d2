"""Patterns of the names of files: `*`, `?`, `[...]`, `{000..012}` and `{a,b}`."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}|\{([^{}]*,[^{}]*)\}")
_NUMBER = re.compile(r"([-_.]*\d+-of)?[-_.]*\d*$")


def is_pattern(location: str) -> bool:
    """Whether a location is a pattern."""
    return bool(_BRACES.search(location) or glob.has_magic(location))


def fixed(location: str) -> str:
    """The part of a location before its first wildcard or brace; all of it if it has none."""
    return re.split(r"[{*?\[]", location)[0] if is_pattern(location) else location


def stem(location: str, suffix: str) -> Path:
    """A location without suffix, pattern and number: `speech` for `speech-{000..012}.tar`.

    Also for `speech-000.tar` and `speech-00000-of-00012.tar`; a folder is its own.
    """
    path = Path(location)
    if path.is_dir():
        return path.resolve()
    name = fixed(path.name.removesuffix(suffix))
    return path.with_name(_NUMBER.sub("", name) or name or suffix[1:])


def expanded(location: str) -> list[str]:
    """The files that a location names, sorted.

    Raises:
        OSError: one without `*`, `?` or `[...]` does not exist.
    """
    if os.path.exists(location):
        return [location]
    found: set[str] = set()
    for pattern in _braces(location):
        if glob.has_magic(pattern):
            found.update(glob.glob(pattern))
        else:
            os.stat(pattern)
            found.add(pattern)
    return sorted(found)


def _braces(pattern: str) -> Iterator[str]:
    """Expands `{000..012}` and `{a,b}` as a shell does."""
    braces = _BRACES.search(pattern)
    if braces is None:
        yield pattern
        return
    first, last, words = braces.groups()
    if words is None:
        numbers = range(int(first), int(last) + 1)
        choices = [str(number).zfill(len(first)) for number in numbers]
    else:
        choices = words.split(",")
    head, tail = pattern[: braces.start()], pattern[braces.end() :]
    yield from itertools.chain.from_iterable(_braces(head + choice + tail) for choice in choices)
