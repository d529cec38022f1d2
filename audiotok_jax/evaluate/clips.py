"""The clips that codecs are measured on."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audiotok_jax.data import tables
from audiotok_jax.data.folders import Folder
from audiotok_jax.evaluate.metrics import RATE

_TRANSCRIPTS = ("transcript", "text", "sentence")  # columns; the first that says something


class Utterance(NamedTuple):
    """A clip and what is known of its speech.

    Attributes:
        set: the corpus that it belongs to.
        name: its path inside the folder or table that it was found in.
        path: of the file.
        language: of the speech; "" where it is not known.
        speaker: likewise.
        transcript: what is said; likewise.
    """

    set: str
    name: str
    path: str
    language: str
    speaker: str
    transcript: str


def find(
    locations: Sequence[str], limit: int | None = None, language: str = ""
) -> tuple[list[Utterance], list[str]]:
    """Finds clips in folders and tables, as `Folder` does.

    Args:
        locations: folders and tables; the columns `language`, `speaker` and `transcript` (or
            `text`, or `sentence`) of tables count.
        limit: how many of each set, spread evenly over it; None takes all.
        language: of clips for which no table says it.

    Returns:
        The clips, sorted by set and name, and a line for each file that cannot be read.

    Raises:
        ValueError, OSError: as `Folder`.
    """
    sets: defaultdict[str, set[Utterance]] = defaultdict(set)
    unreadable = []
    for location in locations:
        path = Path(location)
        folder = Folder(path if path.is_file() else tables.beside(path) or path, RATE)
        unreadable += [f"{path}: {reason}" for path, reason in folder.skipped]
        for clip in folder.clips:
            spoken = clip.language or language
            said = next((t for name in _TRANSCRIPTS if (t := clip.columns.get(name))), "")
            sets[clip.corpus].add(
                Utterance(clip.corpus, clip.name, clip.path, spoken, clip.speaker, said)
            )
    clips: list[Utterance] = []
    for _, found in sorted(sets.items()):
        members = sorted(found)
        count = len(members) if limit is None else min(limit, len(members))
        clips += [members[i] for i in np.linspace(0, len(members) - 1, count).round().astype(int)]
    return clips, unreadable


def digest(path: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a file; OSError if it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
