"""Validation of fields of dataclasses by their annotations and bounds."""

from __future__ import annotations

import dataclasses
import functools
import math
import reprlib
import types
import typing
from typing import Any

_NAMES = {int: "an integer", float: "a number", bool: "a bool", str: "text", type(None): "None"}


def check(config: Any) -> None:
    """Raises ValueError if a field of a dataclass does not have the type of its annotation.

    A bool is not an integer, numbers are finite, and an integer is also a number.
    """
    kind: Any = type(config)
    for name, hint in _hints(kind).items():
        value = getattr(config, name)
        try:
            fit(value, hint)
        except TypeError:
            what = f"{name} must be {describe(hint)}, not {reprlib.repr(value)}"
            raise ValueError(what) from None


def check_bounds(config: Any, bounds: dict[str, tuple[float, float]]) -> None:
    """Raises ValueError if a field that is not None lies outside its bounds, both included."""
    for name, (least, most) in bounds.items():
        value = getattr(config, name)
        if value is not None and not least <= value <= most:
            raise ValueError(f"{name} must lie in {least}..{most}, not {reprlib.repr(value)}")


def fit(value: Any, hint: Any) -> Any:
    """The value converted to the type of an annotation.

    Raises:
        TypeError: it has another type, or is a number that is not finite.
    """
    options = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        for option in options:
            try:
                return fit(value, option)
            except TypeError:
                continue
    elif typing.get_origin(hint) is tuple:
        if isinstance(value, tuple | list):
            if options[-1] is Ellipsis:
                return tuple(fit(one, options[0]) for one in value)
            if len(value) == len(options):
                return tuple(map(fit, value, options))
    elif hint is float and type(value) in (int, float):
        try:
            number = float(value)
        except OverflowError:
            raise TypeError from None
        if math.isfinite(number):
            return number
    elif type(value) is hint or (isinstance(value, hint) and dataclasses.is_dataclass(hint)):
        return value
    raise TypeError


def describe(hint: Any) -> str:
    """An annotation in words."""
    options = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(map(describe, options))
    if typing.get_origin(hint) is tuple:
        if options[-1] is Ellipsis:
            return f"({describe(options[0])}, ...)"
        return f"({', '.join(map(describe, options))})"
    return _NAMES.get(hint) or f"of type {hint.__name__}"


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
