"""Spectrograms as small pictures without axes, which the page draws itself."""

from __future__ import annotations

import os

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from audiotok_jax.files import replacing
from audiotok_jax.picture import FLOOR_DB, narrowed

MAX_COLUMNS = 800  # two per pixel of the page
# One per decibel; more would make files larger without a visible difference.
_LEVELS = 1 - int(FLOOR_DB)


def draw(path: str | os.PathLike[str], decibels: NDArray[np.float32], loudest: float) -> None:
    """Writes a PNG with a palette, in the colours of `picture.compare`.

    Args:
        path: of the picture; nothing half-written remains on failure.
        decibels: float32 (frequencies, columns), see `picture.spectrogram`; neighbouring columns
            are averaged if there are more than `MAX_COLUMNS`.
        loudest: level in decibels of the brightest colour; the darkest is `FLOOR_DB` below it.

    Raises:
        OSError: it cannot be written.
    """
    columns = narrowed(decibels, MAX_COLUMNS)
    levels = np.rint(columns - loudest - FLOOR_DB).clip(0, _LEVELS - 1).astype(np.uint8)
    colours = matplotlib.colormaps["magma"].resampled(_LEVELS)(np.arange(_LEVELS), bytes=True)
    image = Image.fromarray(levels[::-1])
    image.putpalette(np.ascontiguousarray(colours[:, :3]).tobytes())
    with replacing(path) as temporary:
        image.save(temporary, "PNG", optimize=True)
