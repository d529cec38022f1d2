"""JSON from files that may hold anything."""

from __future__ import annotations

import json
import os
from typing import Any


def load(path: str | os.PathLike[str], most: int = 2**20) -> dict[str, Any]:
    """Reads a file with one JSON object.

    Args:
        path: of the file.
        most: bytes that it may have; no more are read.

    Raises:
        OSError: the disk does not give it.
        ValueError: it is longer, or holds something else; the message does not name the file.
    """
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"longer than {most} bytes")
    try:
        found = json.loads(data)
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found
