"""Configurations from Python files and from settings such as `recipe.losses.mel.weight=2`."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import runpy
import traceback
import typing
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from audiotok_jax import fields
from audiotok_jax.train.config import TrainConfig

Config = TypeVar("Config")


def load(path: Path) -> TrainConfig:
    """The config that the function `config()` of a Python file returns.

    Raises:
        OSError: there is no such file.
        ValueError: it has no such function, or fails; the message names the line.
    """
    path.stat()  # raises a shorter error than running it would
    try:
        make = runpy.run_path(str(path)).get("config")
        made = make() if callable(make) else None
    except Exception as error:  # of any kind
        raise ValueError(_failure(path, error)) from error
    if not callable(make):
        raise ValueError(f"{path}: has no function config()")
    if not isinstance(made, TrainConfig):
        raise ValueError(f"{path}: config() must return a TrainConfig, not {made!r}")
    return made


def parse(config: Any, settings: Iterable[str]) -> dict[str, Any]:
    """Parses settings of the option `--set`.

    Args:
        config: an instance of a dataclass, possibly nested, with tuples of named dataclasses.
        settings: NAME=VALUE each, NAME with dots for nested parts. VALUE is a Python literal,
            otherwise text. The last value of a name counts.

    Returns:
        Values by their dotted names, of the types of the annotations.

    Raises:
        ValueError: there is no such name, or the value has another type.
    """
    hints = {name: hint for name, _, hint in _leaves(config)}
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, not {setting}")
        if name not in hints:
            raise ValueError(_unknown(name, hints))
        values[name] = _read(name, text, hints[name])
    return values


def changed(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy of a dataclass with changed values, by dotted names, all set at once.

    Raises:
        ValueError: values of a part do not fit together, or a tuple has no part of that name.
    """
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        part, dot, rest = name.partition(".")
        if dot:
            inner.setdefault(part, {})[rest] = value
        else:
            own[part] = value
    if isinstance(config, tuple):
        names = [part.name for part in config]
        if unknown := [*own, *(name for name in inner if name not in names)]:
            raise ValueError(f"no {unknown[0]!r} among {', '.join(names)}")
        return tuple(changed(part, inner.get(part.name, {})) for part in config)  # type: ignore
    for part, rests in inner.items():
        own[part] = changed(getattr(config, part), rests)
    return dataclasses.replace(config, **own)  # type: ignore[type-var]


def lines(config: Any) -> list[str]:
    """A dataclass as settings from which `parse` reads the same values."""
    return [f"{name}={value!r}" for name, value, _ in _leaves(config)]


def _leaves(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Dotted names, values and annotations of all fields that are not dataclasses."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        name, value = prefix + field.name, getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{name}.")
        elif isinstance(value, tuple) and value and all(map(dataclasses.is_dataclass, value)):
            for part in value:
                yield from _leaves(part, f"{name}.{part.name}.")
        else:
            yield name, value, hints[field.name]


def _unknown(name: str, known: Iterable[str]) -> str:
    inside = [one for one in known if one.startswith(f"{name}.")]
    if inside:
        return f"{name} is no single setting; it has {', '.join(inside)}"
    # `recipe.stft_weight` is likely to mean `recipe.losses.stft.weight`.
    alike = {one.replace("_", "."): one for one in known}
    by_last = {one.rpartition(".")[2]: one for one in known}
    close = [alike[one] for one in difflib.get_close_matches(name.replace("_", "."), alike, 1, 0.8)]
    last = name.rpartition(".")[2]
    close += [by_last[one] for one in difflib.get_close_matches(last, by_last, 1)]
    hint = f", did you mean {close[0]}?" if close else "; --print-config shows all there are"
    return f"no setting {name!r}{hint}"


def _read(name: str, text: str, hint: Any) -> Any:
    readings: list[Any] = [text]
    with suppress(ValueError, SyntaxError):
        readings.insert(0, ast.literal_eval(text))
    for reading in readings:
        try:
            return fields.fit(reading, hint)
        except TypeError:
            continue
    raise ValueError(f"{name} must be {fields.describe(hint)}, not {text!r}")


def _failure(path: Path, error: Exception) -> str:
    """The error of a file, and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [frame.lineno for frame in frames if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else places[-1] if places else None
    where = f"{path}, line {line}" if line else f"{path}"
    return f"{where}: {type(error).__name__}: {error}"
