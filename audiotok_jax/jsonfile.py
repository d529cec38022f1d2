"""Robust reading of JSON files."""

from __future__ import annotations

import json
import os
from typing import Any


def load(path: str | os.PathLike[str], most: int = 2**20) -> dict[str, Any]:
    """Reads a file with one JSON object, of `most` bytes or fewer.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger or holds something else; the message does not name the file.
    """
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"longer than {most} bytes")
    try:
        found = parse(data)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def parse(text: str | bytes, nan: bool = True) -> Any:
    """Parses JSON; `nan` allows NaN and infinities, which Python writes, but JSON lacks.

    Raises:
        ValueError: it is not JSON, an object has a duplicate key, or it is nested too deeply.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=None if nan else _no_constant
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is there twice")
    return found


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
