"""One recording in a file, as described by its container."""

from __future__ import annotations

from dataclasses import dataclass

from audiotok_jax.audio.source import Piece


@dataclass(frozen=True)
class Part:
    """A recording: most files hold one, concatenated files several.

    Attributes:
        format: a name, such as "WAV".
        demuxer: name of ffmpeg's demuxer for the format.
        stop: offset of the first byte after it.
        pieces: the bytes for a decoder.
        fault: how the content differs from the header; "" if it does not.
        frames: samples per channel, by the header or by the size; None if only decoding tells.
        certain: whether `frames` was compared with the number of bytes in the file.
        endless: whether it must be decoded through a pipe, as libsndfile guesses the length of a
            file that does not have it.
        native: whether libsndfile reads the format.
        intact: whether the header is correct as it is.
        padded: whether zeros after it were left out.
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
    """The fault of a truncated file."""
    return f"cut short: its header announces {announced} {what}, it has {there}"


def miscounted(announced: int, there: int) -> str:
    """The fault of a file with another number of samples per channel than its header announces."""
    what = "samples of each channel"
    if there < announced:
        return cut_short(announced, there, what)
    return f"its header announces {announced} {what}, and more follow: {there}"
