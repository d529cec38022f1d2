"""The interface of sources of audio: clips by index, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Of datasets that are built, and of records that do not tell theirs, in Hz."""


class Clip(NamedTuple):
    """Speech in one piece: a file, a member of a tar, a record of a dataset, or a part of one.

    Attributes:
        path: where it lies: the file, or the tar or dataset and the name in it.
        name: the path inside its source, with "/", the same whatever kind of source that is.
        corpus: what it belongs to.
        num_samples: its length at the rate it is read at, as its header says.
        seconds: the same in seconds.
        sample_rate: of the file, in Hz.
        start: where it starts in its file, in samples at the rate it is read at.
        columns: what its row of a table says beside path and corpus.
    """

    path: str
    name: str
    corpus: str
    num_samples: int
    seconds: float
    sample_rate: int
    start: int = 0
    columns: Mapping[str, str] = {}

    @property
    def language(self) -> str:
        """As the table says; "" if it does not."""
        return self.columns.get("language", "")

    @property
    def speaker(self) -> str:
        """As the table says; "" if it does not."""
        return self.columns.get("speaker", "")


class Skipped(NamedTuple):
    """Audio that is left out, and why."""

    path: str
    reason: str

    @classmethod
    def because(cls, path: str, error: Exception) -> Skipped:
        """Of an error of `audio` or of the system; the reason does not repeat the path."""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return cls(path, reason.removeprefix(f"{path}: "))


class Source(Protocol):
    """One place that holds audio. It can be pickled, and many threads read it at once.

    Attributes:
        clips: in the order of their numbers.
        skipped: what is no clip, though it looks like one.
    """

    clips: list[Clip]
    skipped: list[Skipped]

    def read(self, number: int, start: int, stop: int) -> NDArray[np.int16]:
        """Samples `start` to `stop` of clip `number`, or as many of them as there are.

        Raises:
            AudioError: the audio is bad.
            OSError: the disk does not give it.
        """
