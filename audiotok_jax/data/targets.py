"""Targets of training that differ from the input: the same speech without its noise."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.data.clips import Clip
from audiotok_jax.data.sources import Clips, open_clips


class Targets:
    """The targets of clips."""

    def __init__(self, clips: Clips, location: str):
        """Finds the targets of clips by their names in a location of `open_clips`.

        Raises:
            ValueError: a clip has no target, or one of another length.
            OSError: the location does not exist.
        """
        self._found = open_clips([location], clips.sample_rate)
        numbers = {_key(clip): number for number, clip in enumerate(self._found)}
        self._numbers: list[int] = []
        for clip in clips:
            number = numbers.get(_key(clip))
            if number is None:
                raise ValueError(f"{location}: has no target for {clip.path}")
            target = self._found[number]
            if target.num_samples != clip.num_samples:
                raise ValueError(
                    f"{target.path}: has {target.num_samples} samples where {clip.path} has "
                    f"{clip.num_samples}"
                )
            self._numbers.append(number)

    def __getitem__(self, number: int) -> Clip:
        """The target of clip `number`."""
        return self._found[self._numbers[number]]

    def read(self, number: int) -> NDArray[np.int16]:
        """All samples of the target of clip `number`, int16 (samples,); see `Clips.read`."""
        return self._found.read(self._numbers[number])


def _key(clip: Clip) -> tuple[str, int]:
    return PurePosixPath(clip.name).with_suffix("").as_posix(), clip.start
