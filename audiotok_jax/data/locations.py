"""Locations of audio, in `--data` and in the inputs of a corpus, and their kinds."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path

from audiotok_jax.data import cells, folders, patterns, tables, tars
from audiotok_jax.data.clips import Skipped
from audiotok_jax.data.recordings import Entry
from audiotok_jax.files import search
from audiotok_jax.formats import AUDIO_READ, CELLS, DATASET, LIST, MANIFESTS, TABLES, TAR


class Kind(Enum):
    """The kind of a location."""

    DATASET = auto()
    TARS = auto()
    ROWS = auto()
    FOLDER = auto()
    TABLE = auto()
    LIST = auto()


def locate(location: str, lists: bool = False) -> tuple[Kind, Path]:
    """Determines the kind of a location, from its name, the file system and the content.

    Args:
        location: `tfds:NAME`; a tar, a folder of tars or a pattern of their names; a Parquet or
            Arrow file with audio in its rows, a folder of such or a pattern; a table; or a folder.
        lists: whether it may also be a list of paths.

    Returns:
        Its kind and its path; for a folder with a table beside it, those of the table.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it is none of these.
    """
    path = Path(location)
    if location.startswith(DATASET):
        return Kind.DATASET, path
    if patterns.is_pattern(location) and not path.exists() and path.suffix in (TAR, *CELLS):
        return Kind.TARS if path.suffix == TAR else Kind.ROWS, path
    if not path.exists():
        raise FileNotFoundError(f"{location}: no such file or folder")
    if path.is_dir():
        if any(path.glob(f"*{TAR}")):
            return Kind.TARS, path
        if (table := tables.beside(path)) is not None:
            return Kind.TABLE, table
        rows = not any(search(path, AUDIO_READ)) and any(search(path, CELLS))
        return Kind.ROWS if rows else Kind.FOLDER, path
    kinds = {
        **dict.fromkeys((*TABLES, *MANIFESTS), Kind.TABLE),
        TAR: Kind.TARS,
        ".arrow": Kind.ROWS,
        **({LIST: Kind.LIST} if lists else {}),
    }
    for suffix, kind in kinds.items():
        if location.endswith(suffix):
            rows = suffix in CELLS and cells.holds_audio(path)
            return Kind.ROWS if rows else kind, path
    raise ValueError(
        f"{location}: is no table, tar or folder: its name does not end in {' '.join(kinds)}"
    )


def entries(location: str) -> Iterator[Entry | Skipped]:
    """The recordings in a location: see the modules of its kinds, also for the errors.

    Raises:
        ValueError: it is a dataset, whose audio is no file.
    """
    kind, path = locate(location)
    if kind is Kind.DATASET:
        raise ValueError(f"{location}: is a dataset; files, tables, tars or rows are needed here")
    if kind is Kind.TARS:
        return tars.members(str(path))
    if kind is Kind.ROWS:
        return cells.rows(str(path))
    return folders.in_table(path) if kind is Kind.TABLE else folders.in_folder(path)
