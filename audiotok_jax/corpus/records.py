"""The JSON files of a corpus: each holds one dataclass, checked field by field when it is read.

A file ends with a digest of its text, so that any change is detected; files of earlier versions
have none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from audiotok_jax import jsonfile

MAX_BYTES = 1 << 28
"""Largest file: that of a plan with five million shards."""

DIGEST = "sha256"

Record = TypeVar("Record")


def text(record: Any) -> str:
    """The text of the file for a dataclass."""
    return _text(dataclasses.asdict(record))


def read(kind: type[Record], path: Path) -> Record:
    """Reads a file with the `text` of a `kind`.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it is something else, or was changed since it was written.
        OSError: it cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe may never be written to
        raise ValueError("is no regular file")
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError("is too large")
    fields = jsonfile.parse(data.decode("utf-8"))
    if isinstance(fields, dict) and DIGEST in fields:
        del fields[DIGEST]
        if _text(fields).encode() != data:
            raise ValueError("was changed since it was written")
    return _build(kind, fields, "")


def _text(fields: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(fields, indent=1).encode()).hexdigest()
    return json.dumps({**fields, DIGEST: digest}, indent=1) + "\n"


def _build(kind: Any, value: Any, place: str) -> Any:
    """Makes a `kind` from a JSON value at `place`; ValueError if it does not fit."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        _check(isinstance(value, dict), place, "an object", value)
        parts = dataclasses.fields(kind)
        needed = {one.name for one in parts if one.default is dataclasses.MISSING}
        for name in sorted((needed - value.keys()) | (value.keys() - hints.keys())):
            what = "is missing" if name in hints else "is not known"
            raise ValueError(f"{f'{place}.{name}'.lstrip('.')} {what}")
        made = {name: _build(hints[name], one, f"{place}.{name}") for name, one in value.items()}
        return typing.cast(type, kind)(**made)
    if origin is tuple:
        _check(isinstance(value, list), place, "a list", value)
        return tuple(_build(arguments[0], one, f"{place}[{n}]") for n, one in enumerate(value))
    if origin is dict:
        _check(isinstance(value, dict), place, "an object", value)
        return {name: _build(arguments[1], one, f"{place}.{name}") for name, one in value.items()}
    if origin is types.UnionType:
        return value if value is None else _build(arguments[0], value, place)
    if kind is int:
        _check(type(value) is int and 0 <= value < 1 << 63, place, "a whole number", value)
    elif kind is float:
        _check(type(value) is float and math.isfinite(value), place, "a number", value)
    elif kind is not Any:
        _check(type(value) is kind, place, {bool: "true or false", str: "text"}[kind], value)
    return value


def _check(good: bool, place: str, what: str, value: Any) -> None:
    if not good:
        said = repr(value)
        said = f"{said[:60]}..." if len(said) > 60 else said
        raise ValueError(f"{place.lstrip('.') or 'it'} must be {what}, not {said}")
