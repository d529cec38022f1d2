"""One recording in a file, as its container announces it."""

from __future__ import annotations

from dataclasses import dataclass

from audiotok_jax.audio.source import Piece


@dataclass(frozen=True)
class Part:
    """A recording: most files hold one, joined files several.

    Attributes:
        format: a name, as "WAV".
        demuxer: the one of ffmpeg that reads it.
        stop: the place of the first byte in the file behind it.
        pieces: what a decoder is to be given.
        fault: how what came differs from what was announced; "" if it does not.
        frames: samples of each channel that are there for certain, or that the header announces;
            None if only decoding tells.
        certain: whether `frames` was compared with the bytes that are there.
        endless: whether libsndfile must be kept from guessing a length: from a pipe it does not.
        native: whether libsndfile knows the format.
        intact: whether its header is right as it is.
        padded: whether zeros that follow are left out.
    """

    format: str
    demuxer: str
    stop: int
    pieces: tuple[Piece, ...]
    fault: str = ""
    frames: int | None = None
    certain: bool = False
    endless: bool = False
    native: bool = True
    intact: bool = False
    padded: bool = False


def cut_short(announced: int, there: int, what: str = "bytes of samples") -> str:
    """The fault of a file that ends too early."""
    return f"cut short: its header announces {announced} {what}, it has {there}"
