"""Manifests of NeMo and lhotse: JSON objects that name audio files or parts of them.

NeMo: `audio_filepath`, relative to the folder of the manifest, and optionally `offset` and
`duration`. lhotse: `MonoCut` and `Recording`, with paths relative to the working directory, as in
lhotse itself.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from audiotok_jax.data.audio_files import WHOLE, Span

_SAME_SECONDS = 1e-3
"""A cut whose length differs by less from that of its recording is the whole file."""

_ABOUT = ("language", "speaker", "gender")
"""Fields of supervisions that become columns if they are the same in the whole cut."""


def unified(place: str, fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], Span]:
    """A row of any of these formats as one of a table, with `path` if it has any, and its part.

    Raises:
        ValueError: a row of NeMo or lhotse cannot be read; the message names its `place`.
    """
    try:
        if "path" in fields:
            return fields, WHOLE
        if "audio_filepath" in fields:
            return _nemo(fields)
        if "recording" in fields or str(fields.get("type")).endswith("Cut"):
            return _cut(fields)
        if "sources" in fields:
            path, _ = _source(fields)
            return {"id": fields.get("id"), "path": path}, WHOLE
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    return fields, WHOLE


def _nemo(fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], Span]:
    named = {"path": fields["audio_filepath"], **fields}
    del named["audio_filepath"]
    if fields.get("offset") is None:
        return named, WHOLE
    seconds = math.inf if fields.get("duration") is None else _seconds(fields, "duration")
    return named, Span(_seconds(fields, "offset"), seconds)


def _cut(fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], Span]:
    if (kind := fields.get("type", "MonoCut")) != "MonoCut":
        raise ValueError(f"a {kind} of lhotse; only a MonoCut is read: save others as audio first")
    recording = _get(fields, "recording", dict)
    path, channels = _source(recording)
    start, seconds = _seconds(fields, "start"), _seconds(fields, "duration")
    channel = _get(fields, "channel", int)
    if channel not in channels:
        raise ValueError(f"its channel {channel} is none of its recording: {channels}")
    if not start and abs(seconds - _seconds(recording, "duration")) < _SAME_SECONDS:
        seconds = math.inf
    said = [one for one in fields.get("supervisions") or () if isinstance(one, dict)]
    columns = {"text": " ".join(str(one["text"]) for one in said if one.get("text"))}
    for name in _ABOUT:
        values = {str(one[name]) for one in said if one.get(name)}
        columns[name] = values.pop() if len(values) == 1 else ""
    number = channels.index(channel) + 1 if len(channels) > 1 else 0
    return {"id": fields.get("id"), "path": path, **columns}, Span(start, seconds, number)


def _source(recording: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The path of a recording, and its channels."""
    if recording.get("transforms"):
        raise ValueError("its recording has transforms, which are applied by lhotse alone")
    sources = _get(recording, "sources", list)
    if len(sources) != 1 or not isinstance(sources[0], dict):
        raise ValueError(f"its recording has {len(sources)} sources; only one file is read")
    kind = _get(sources[0], "type", str)
    if kind != "file":
        raise ValueError(
            f"the source of its recording is of the type {kind!r}; only 'file' is read"
        )
    return os.path.abspath(_get(sources[0], "source", str)), _get(sources[0], "channels", list)


def _get(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    value = fields.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"has no {name!r} as lhotse writes it")
    return value


def _seconds(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, int | float) and (0 < value < 1e9 or (value == 0 and name != "duration")):
        return float(value)
    raise ValueError(f"its {name!r} must be a number of seconds, not {str(value)[:40]}")
