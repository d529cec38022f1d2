"""The files of the page: HTML, styles and scripts, and a folder of clips."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from audiotok_jax.evaluate.codecs import Codec
from audiotok_jax.evaluate.metrics import Metric
from audiotok_jax.page import loudness, spectrogram
from audiotok_jax.page.clip import PCM_BITS, Model, PageClip
from audiotok_jax.picture import FLOOR_DB

_ASSETS = Path(__file__).parent / "assets"
_PAGES = ("index.html", "summary.html", "abx.html", "mushra.html")
_CLIPS, _DATA, _SCALE = "clips", "data.js", "scale.png"


def is_page(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds exactly the files of `write`, so that it may be replaced."""
    return set(os.listdir(folder)) == {*_PAGES, _CLIPS, _DATA, _SCALE, *os.listdir(_ASSETS)}


def clips_folder(folder: Path) -> Path:
    """Makes the folder for the files of clips in the folder of a page."""
    path = folder / _CLIPS
    path.mkdir()
    return path


def write(
    folder: Path,
    title: str,
    intro: str,
    models: Sequence[Model],
    codecs: Sequence[Codec],
    measured: Sequence[Metric],
    clips: Sequence[PageClip],
) -> None:
    """Writes everything but the files of the clips.

    Args:
        folder, title: of the page.
        intro: text below the title; an empty line starts a new paragraph.
        models: the first columns.
        codecs: the other columns.
        measured: the metrics, in their order on the page.
        clips: results of `ClipMaker.make`.

    Raises:
        OSError: it cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("audiotok_jax.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["readable"] = readable
    environment.filters["mean"] = _mean
    names = [*(model.name for model in models), *(codec.name for codec in codecs)]
    data = _data(["Original", *names], models, clips)
    _write(folder / _DATA, f"const PAGE = {json.dumps(data, ensure_ascii=False)};\n")
    for page in _PAGES:
        text = environment.get_template(page).render(
            page=page,
            title=title,
            paragraphs=[part for part in intro.split("\n\n") if part.strip()],
            models=models,
            codecs=codecs,
            names=names,
            metrics=measured,
            clips=clips,
            folder=_CLIPS,
            scale=_SCALE,
            floor=FLOOR_DB,
            pcm_bits=PCM_BITS,
        )
        _write(folder / page, text)
    shutil.copytree(_ASSETS, folder, dirs_exist_ok=True)
    spectrogram.draw(folder / _SCALE, np.arange(FLOOR_DB, 1, dtype=np.float32)[None], 0)


def _data(names: list[str], models: Sequence[Model], clips: Sequence[PageClip]) -> dict[str, Any]:
    """Data for the scripts: `columns`, their names; `clips`; `id`, a hash of the data.

    Each clip has `sounds`, one for each column, and an `anchor`, each with the `url` of a script
    and a `gain` in dB. For sounds of our models, `tokens` is the script with the tokens, and `rate`
    the number of tokens per second.
    """
    found = []
    for clip in clips:
        gains = loudness.gains(clip.levels)
        stems = [clip.stem, *(made.stem for made in clip.reconstructions)]
        sounds: list[dict[str, Any]] = [
            {"url": f"{_CLIPS}/{stem}.flac.js", "gain": gain}
            for stem, gain in zip(stems, gains, strict=False)
        ]
        for sound, stem, model in zip(sounds[1:], stems[1:], models, strict=False):
            sound["tokens"] = f"{_CLIPS}/{stem}.tokens.js"
            sound["rate"] = model.tokenizer.frame_rate
        anchor = {"url": f"{_CLIPS}/{clip.anchor}", "gain": gains[-1]}
        about = {"name": clip.name, "seconds": clip.seconds, "sounds": sounds, "anchor": anchor}
        found.append(about)
    data = {"columns": names, "clips": found}
    return data | {"id": hashlib.sha256(json.dumps(data).encode()).hexdigest()[:16]}


def _write(path: Path, text: str) -> None:
    # Names that are not valid UTF-8 must not cause an error.
    path.write_text(text, encoding="utf-8", errors="replace")


def _mean(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.fmean(found) if found else None


def readable(value: float | None) -> str:
    """A measured value, formatted for display."""
    if value is None:
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.{3 if abs(value) < 1 else 2}f}"
