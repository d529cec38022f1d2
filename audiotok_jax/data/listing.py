"""Clips of files, of members of tars and of rows, as one source."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.data import audio_files
from audiotok_jax.data.clips import Clip, Skipped
from audiotok_jax.data.recordings import Entry, Recording


class Listing:
    """Recordings of any kind, sorted by name; a `Source`.

    Attributes:
        recordings: of the clips.
    """

    def __init__(self, entries: Iterable[Entry | Skipped], sample_rate: int):
        """Reads the headers of all recordings.

        Args:
            entries: possible clips, and audio that is known to be unusable.
            sample_rate: to read at, in Hz.
        """
        self._sample_rate = sample_rate
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(self._measured, entries))
        self.skipped = [one for one in found if isinstance(one, Skipped)]
        pairs = [one for one in found if not isinstance(one, Skipped)]
        pairs.sort(key=lambda pair: pair[0].name)
        self.clips = [clip for clip, _ in pairs]
        self.recordings = [recording for _, recording in pairs]

    def read(self, number: int, start: int, stop: int) -> NDArray[np.int16]:
        """See `Source`."""
        return self.recordings[number].read(self._sample_rate, start, stop)

    def _measured(self, entry: Entry | Skipped) -> tuple[Clip, Recording] | Skipped:
        if isinstance(entry, Skipped):
            return entry
        recording, name, corpus, columns = entry
        try:
            length = recording.measure()
            audio_files.check_length(length)
        except (audio.AudioError, OSError) as error:
            return Skipped.because(recording.place.path, error)._replace(path=recording.path)
        samples, rate = length.at(self._sample_rate), length.sample_rate
        seconds = samples / self._sample_rate
        clip = Clip(recording.path, name, corpus, samples, seconds, rate, columns=columns)
        return clip, recording
