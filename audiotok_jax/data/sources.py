"""Which clips there are: a folder of audio with or without a table, or a table alone."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import soundfile

from audiotok_jax import audio
from audiotok_jax.files import find

logger = logging.getLogger(__name__)


class Clip(NamedTuple):
    """One file of audio, the corpus it belongs to, and its length in seconds."""

    path: str
    corpus: str
    seconds: float


def find_clips(locations: list[str]) -> list[Clip]:
    """Clips below folders and in tables.

    A table is a `.tsv` or `.csv` file with a header row and the columns `path` (relative to the
    table) and, where known, `corpus` and `seconds`. A folder `DIR` is described by the table
    `DIR.tsv` or `DIR.csv` beside it where there is one; otherwise it is searched, and the folders
    directly below it are the corpora. Files that cannot be read are named in a warning and left
    out.

    Raises:
        ValueError: a location holds no audio, or a table lacks the column `path`.
        FileNotFoundError: a location does not exist.
    """
    clips: list[Clip] = []
    for location in locations:
        found = _below(Path(location))
        if not found:
            raise ValueError(f"{location}: no readable audio there")
        clips += found
    return clips


def _below(location: Path) -> list[Clip]:
    if not location.exists():
        raise FileNotFoundError(f"{location}: no such file or folder")
    if location.is_file():
        return _in_table(location)
    for suffix in (".tsv", ".csv"):
        table = location.resolve().with_name(location.resolve().name + suffix)
        if table.is_file():
            return _in_table(table)
    files = find([location], audio.SUFFIXES)
    corpora = [path.relative_to(location).parts for path in files]
    named = [parts[0] if len(parts) > 1 else location.name for parts in corpora]
    return _measured(zip(files, named, [None] * len(files), strict=True))


def _in_table(table: Path) -> list[Clip]:
    with open(table, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="," if table.suffix == ".csv" else "\t")
        if "path" not in (rows.fieldnames or []):
            raise ValueError(f"{table}: the header row has no column 'path'")
        return _measured(
            (table.parent / row["path"], row.get("corpus") or table.stem, row.get("seconds"))
            for row in rows
        )


def _measured(rows: Iterable[tuple[Path, str, str | None]]) -> list[Clip]:
    clips = []
    for path, corpus, seconds in rows:
        try:
            if not path.is_file():
                raise ValueError("no such file")
            clips.append(Clip(str(path), corpus, float(seconds or soundfile.info(path).duration)))
        except (soundfile.LibsndfileError, ValueError) as error:
            logger.warning("left out: %s: %s", path, error)
    return clips
