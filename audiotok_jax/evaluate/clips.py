"""The clips of an evaluation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from audiotok_jax.data import sources
from audiotok_jax.data.recordings import Recording
from audiotok_jax.evaluate.metrics import RATE

_TRANSCRIPTS = ("transcript", "text", "sentence")  # columns; the first non-empty one counts


class Utterance(NamedTuple):
    """A clip and the metadata of its speech, "" where unknown.

    Attributes:
        set: name of its corpus.
        name: see `data.clips.Clip`.
        recording: its audio.
    """

    set: str
    name: str
    recording: Recording
    language: str
    speaker: str
    transcript: str

    @property
    def path(self) -> str:
        """Path of the recording, for messages; of a whole file, also to read it."""
        return self.recording.path


def find(
    locations: Sequence[str], limit: int | None = None, language: str = ""
) -> tuple[list[Utterance], list[str]]:
    """Finds clips as `sources.listing` does.

    Args:
        locations: of audio, with the metadata columns `language`, `speaker` and `transcript` (or
            `text`, or `sentence`).
        limit: number of clips of each set, spread evenly over it; None takes all.
        language: of clips without that column.

    Returns:
        The clips, sorted by set and name, and a line for each file that cannot be read.

    Raises:
        ValueError, OSError: as `sources.listing`.
    """
    sets: defaultdict[str, set[Utterance]] = defaultdict(set)
    unreadable = []
    for location in locations:
        listing = sources.listing(location, RATE)
        unreadable += [f"{path}: {reason}" for path, reason in listing.skipped]
        for clip, recording in zip(listing.clips, listing.recordings, strict=True):
            spoken = clip.language or language
            said = next((t for name in _TRANSCRIPTS if (t := clip.columns.get(name))), "")
            sets[clip.corpus].add(
                Utterance(clip.corpus, clip.name, recording, spoken, clip.speaker, said)
            )
    clips: list[Utterance] = []
    for _, found in sorted(sets.items()):
        members = sorted(found)
        count = len(members) if limit is None else min(limit, len(members))
        clips += [members[i] for i in np.linspace(0, len(members) - 1, count).round().astype(int)]
    return clips, unreadable
