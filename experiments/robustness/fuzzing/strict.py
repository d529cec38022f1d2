"""A strict parser of JSON, to compare readers with."""

from __future__ import annotations

import json
from typing import Any

from fuzzing.target import Silent


def parse(data: bytes) -> Any:
    """The value; raises `Silent` for duplicate keys and for what is not JSON.

    To be called after a reader has accepted the same bytes.
    """
    try:
        return json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Silent(f"taken for JSON: {error}") from None


def same(one: Any, other: Any) -> bool:
    """Whether two values and their types are equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object says the same key twice")
    return found
