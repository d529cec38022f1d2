"""Spectrograms as small pictures without axes, which the page draws around them itself."""

from __future__ import annotations

import os

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from audiotok_jax.files import replacing
from audiotok_jax.picture import FLOOR_DB

MAX_COLUMNS = 800  # two for each pixel of a column of the page
_LEVELS = 1 - int(FLOOR_DB)  # one for each decibel: with more the files grow, and nobody sees it


def draw(path: str | os.PathLike[str], decibels: NDArray[np.float32], loudest: float) -> None:
    """Writes a PNG with a palette, in the colours of `picture.compare`.

    Args:
        path: of the picture; nothing half-written remains on failure.
        decibels: float32 (frequencies, columns), as `picture.spectrogram` gives them; the mean is
            taken of neighbouring columns where there are more than `MAX_COLUMNS`.
        loudest: level in decibels that gets the brightest colour; the darkest is for what is
            `FLOOR_DB` below it.

    Raises:
        OSError: the disk does not take it.
    """
    group = -(-decibels.shape[1] // MAX_COLUMNS)
    filled = np.pad(decibels, ((0, 0), (0, -decibels.shape[1] % group)), mode="edge")
    columns = filled.reshape(len(filled), -1, group).mean(2)
    levels = np.rint(columns - loudest - FLOOR_DB).clip(0, _LEVELS - 1).astype(np.uint8)
    colours = matplotlib.colormaps["magma"].resampled(_LEVELS)(np.arange(_LEVELS), bytes=True)
    image = Image.fromarray(levels[::-1])
    image.putpalette(np.ascontiguousarray(colours[:, :3]).tobytes())
    with replacing(path) as temporary:
        image.save(temporary, "PNG", optimize=True)
