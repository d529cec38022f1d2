"""Spectrograms of speech, and pictures that compare an original with decoded speech."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from audiotok_jax.files import replacing

WINDOW_SECONDS = 0.032
MAX_COLUMNS = 2400  # more than the width of the picture in pixels
FLOOR_DB = -80.0


def spectrogram(wave: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Power over frequency and time in decibels; 0 dB is a sine of full scale.

    From float32 (S,), S >= 1, to float32 (window / 2 + 1, columns), at most `MAX_COLUMNS` columns.
    """
    window = 2 * round(WINDOW_SECONDS * sample_rate / 2)
    hop = max(window // 8, -(-len(wave) // MAX_COLUMNS))
    padded = np.pad(wave, (window // 2, window))
    taper = np.hanning(window + 1)[:-1].astype(np.float32)
    taper *= 2 / taper.sum()
    starts = np.arange(0, len(wave), hop)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[starts] * taper
    power = np.abs(np.fft.rfft(frames)) ** 2
    return (10 * np.log10(power + 1e-12)).T.astype(np.float32)


def narrowed(levels: NDArray[np.float32], columns: int) -> NDArray[np.float32]:
    """A spectrogram reduced to at most `columns` columns, means of neighbouring ones."""
    group = -(-levels.shape[1] // columns)
    filled = np.pad(levels, ((0, 0), (0, -levels.shape[1] % group)), mode="edge")
    return filled.reshape(len(filled), -1, group).mean(axis=2)


def compare(
    path: str | os.PathLike[str],
    original: NDArray[np.float32],
    reconstruction: NDArray[np.float32],
    sample_rate: int,
) -> None:
    """Writes a PNG with the spectrograms of two waves (S,), in dB relative to the first's maximum.

    Raises:
        OSError: it cannot be written; nothing half-written remains.
    """
    panels = {"original": original, "from the tokens": reconstruction}
    levels = [spectrogram(wave, sample_rate) for wave in panels.values()]
    loudest = levels[0].max()
    figure = Figure(figsize=(12, 7), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 1, sharex=True, sharey=True)
    extent = (0, len(original) / sample_rate, 0, sample_rate / 2000)
    for axis, title, level in zip(axes, panels, levels, strict=True):
        image = axis.imshow(
            level - loudest,
            origin="lower",
            aspect="auto",
            extent=extent,
            vmin=FLOOR_DB,
            vmax=0,
            cmap="magma",
        )
        axis.set_title(title)
        axis.set_ylabel("frequency (kHz)")
    axes[-1].set_xlabel("time (s)")
    figure.colorbar(image, ax=axes, label="level (dB)")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")
