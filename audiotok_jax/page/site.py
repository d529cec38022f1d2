"""The files of the page: one of HTML, its style and script, and a folder of clips."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from audiotok_jax.evaluate.metrics import Metric
from audiotok_jax.page import spectrogram
from audiotok_jax.page.clip import PCM_BITS, Clip, Model
from audiotok_jax.picture import FLOOR_DB

_ASSETS = Path(__file__).parent / "assets"
_INDEX, _CLIPS, _SCALE = "index.html", "clips", "scale.png"


def is_page(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds what `write` writes and nothing else, so that it may be replaced."""
    return set(os.listdir(folder)) == {_INDEX, _CLIPS, _SCALE, *os.listdir(_ASSETS)}


def clips_folder(folder: Path) -> Path:
    """Makes the folder in a page's folder that the files of its clips are written to."""
    path = folder / _CLIPS
    path.mkdir()
    return path


def write(
    folder: Path,
    title: str,
    intro: str,
    models: Sequence[Model],
    measured: Sequence[Metric],
    clips: Sequence[Clip],
) -> None:
    """Writes all but the files of the clips.

    Args:
        folder: of the page.
        title: of the page.
        intro: text below the title; an empty line starts a new paragraph.
        models: the columns.
        measured: the metrics, in their order on the page.
        clips: as `ClipMaker.make` gives them.

    Raises:
        OSError: the disk does not take it.
    """
    environment = Environment(
        loader=PackageLoader("audiotok_jax.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["readable"] = readable
    text = environment.get_template(_INDEX).render(
        title=title,
        paragraphs=[part for part in intro.split("\n\n") if part.strip()],
        models=models,
        metrics=measured,
        clips=clips,
        folder=_CLIPS,
        scale=_SCALE,
        floor=FLOOR_DB,
        pcm_bits=PCM_BITS,
    )
    # Names that are no UTF-8 are not worth an error.
    (folder / _INDEX).write_text(text, encoding="utf-8", errors="replace")
    shutil.copytree(_ASSETS, folder, dirs_exist_ok=True)
    spectrogram.draw(folder / _SCALE, np.arange(FLOOR_DB, 1, dtype=np.float32)[None], 0)


def readable(value: float | None) -> str:
    """A measured value for people to read."""
    if value is None:
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.{3 if abs(value) < 1 else 2}f}"
