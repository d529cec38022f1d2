"""Locations of audio, in `--data` and in the inputs of a corpus, and their kinds."""

from __future__ import annotations

from enum import Enum, auto
from pathlib import Path

from audiotok_jax.data import tables, tars
from audiotok_jax.formats import DATASET, LIST, TABLES, TAR


class Kind(Enum):
    """The kind of a location."""

    DATASET = auto()
    TARS = auto()
    FOLDER = auto()
    TABLE = auto()
    LIST = auto()


def locate(location: str, lists: bool = False) -> tuple[Kind, Path]:
    """Tells what a location is, by its name and by what is there.

    Args:
        location: `tfds:NAME`, a tar, a folder of tars or a pattern of their names, a table, or a
            folder.
        lists: whether it may be a list of paths, too.

    Returns:
        Its kind and its path; of a folder that a table beside it describes, those of the table.

    Raises:
        FileNotFoundError: there is no such place.
        ValueError: it is none of these.
    """
    path = Path(location)
    if location.startswith(DATASET):
        return Kind.DATASET, path
    if tars.is_pattern(location):
        return Kind.TARS, path
    if not path.exists():
        raise FileNotFoundError(f"{location}: no such file or folder")
    if path.is_dir():
        if any(path.glob(f"*{TAR}")):
            return Kind.TARS, path
        table = tables.beside(path)
        return (Kind.FOLDER, path) if table is None else (Kind.TABLE, table)
    kinds = {**dict.fromkeys(TABLES, Kind.TABLE), TAR: Kind.TARS}
    if lists:
        kinds[LIST] = Kind.LIST
    if path.suffix in kinds:
        return kinds[path.suffix], path
    raise ValueError(
        f"{location}: is no table, tar or folder: its name does not end in {' '.join(kinds)}"
    )
