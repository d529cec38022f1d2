"""The interface of sources of audio: clips by index, and skipped audio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""In Hz; of built datasets, and of records without a sample rate."""


class Clip(NamedTuple):
    """A recording: a file, a member of a tar, a record of a dataset, or a part of one.

    Attributes:
        path: of the file, or of the tar or dataset with the name in it.
        name: path inside its source, with "/"; the same for every kind of source.
        corpus: name of its corpus.
        num_samples: length at the rate of reading, by its header.
        seconds: length in seconds.
        sample_rate: of the file, in Hz.
        start: offset in the file, in samples at the rate of reading.
        columns: other columns of its row in a table.
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
        """Language by the table; "" if unknown."""
        return self.columns.get("language", "")

    @property
    def speaker(self) -> str:
        """Speaker by the table; "" if unknown."""
        return self.columns.get("speaker", "")


class Skipped(NamedTuple):
    """Audio that is left out, and the reason."""

    path: str
    reason: str

    @classmethod
    def because(cls, path: str, error: Exception) -> Skipped:
        """Made from an error of `audio` or the system; the reason does not repeat the path."""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return cls(path, reason.removeprefix(f"{path}: "))


class Source(Protocol):
    """A collection of audio, which can be pickled and read by several threads.

    Attributes:
        clips: in the order of their numbers.
        skipped: files that cannot be used as clips.
    """

    clips: list[Clip]
    skipped: list[Skipped]

    def read(self, number: int, start: int, stop: int) -> NDArray[np.int16]:
        """Samples `start` to `stop` of clip `number`, or as many of them as there are.

        Raises:
            AudioError: the audio is invalid.
            OSError: it cannot be read.
        """
