"""Reading through libsndfile."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from audiotok_jax.audio.containers.part import Part, cut_short
from audiotok_jax.audio.samples import AudioError, check_layout
from audiotok_jax.audio.source import Source, View

MOST_VALUES = 1 << 20
"""Samples of all channels together that are decoded at once."""

_UNKNOWN = 2**62  # frames; beyond it libsndfile means that it does not know
_MP3_SLACK = 4 * 1152  # frames: what MP3 decoders leave out at both ends
_SYSTEM = 2  # SF_ERR_SYSTEM


class Failed(Exception):
    """libsndfile gave up, which need not mean that the audio is bad.

    Attributes:
        reason: as it says.
        frames: that came before.
        rate: of them in Hz; 0 if it is not known.
    """

    def __init__(self, reason: str, frames: int = 0, rate: int = 0) -> None:
        """See the class."""
        super().__init__(reason)
        self.reason = reason.rstrip(".") or "it says no reason"
        self.frames = frames
        self.rate = rate


class SoundFile(soundfile.SoundFile):
    """A sound file that never seeks.

    soundfile seeks to where it already is after each read and write.  That loses the overlap of
    MP3 frames, an audible gap at each block, and fails in FLAC files of unknown length.
    """

    def seekable(self) -> bool:
        """Says no, which is all that keeps soundfile from seeking."""
        return False


def block_frames(block_seconds: float, rate: int, channels: int) -> int:
    """Frames to be decoded at once: what takes too much memory is read in shorter blocks."""
    return max(1, min(int(block_seconds * rate), MOST_VALUES // channels))


def blocks(
    source: Source, part: Part, name: str, block_seconds: float
) -> Generator[Any, None, None]:
    """Decodes a part.

    Yields:
        The sample rate in Hz, then float32 (n, channels) blocks.

    Raises:
        Failed: libsndfile cannot read it, or not to its end.
        AudioError: less or more came than was announced, or the layout is not taken.
        OSError: the disk does not give it.
    """
    with ExitStack() as stack:
        view = View(source, part.pieces)
        count = rate = 0
        try:
            if part.endless:
                # libsndfile would guess where it ends; of a pipe it reads all.
                opened: Any = stack.enter_context(_piped(view))
            elif part.pieces == (range(0, source.size),) and _has_descriptor(source):
                opened = source.file.fileno()
                os.lseek(opened, 0, os.SEEK_SET)
            else:
                opened = view
            # By descriptor, so that the bytes alone and not the suffix say what the format is.
            sound = stack.enter_context(SoundFile(opened, closefd=False))
            check_layout(sound.samplerate, sound.channels)
            rate = sound.samplerate
            yield rate
            size = block_frames(block_seconds, rate, sound.channels)
            for block in _read(sound, size):
                count += len(block)
                view.check(name)
                yield block
            announced = sound.frames
        except soundfile.LibsndfileError as error:
            view.check(name)
            if error.code == _SYSTEM and opened is not view:
                raise OSError(f"{name}: the disk does not give it") from None
            if part.format != "FLAC" or not count or count != part.frames:
                raise Failed(error.error_string, count, rate) from None
            if not part.padded:
                raise AudioError("what follows its last frame is no FLAC") from None
            announced = count
        view.check(name)
    if count < announced < _UNKNOWN:
        raise Failed(cut_short(announced, count, "samples of each channel"), count, rate)
    check_count(part, count)


def _read(sound: SoundFile, size: int) -> Iterator[NDArray[np.float32]]:
    """Yields blocks; the last one, too, if libsndfile raises an error behind it."""
    while True:
        block = np.full((size, sound.channels), np.nan, np.float32)
        try:
            got = sound.read(size, out=block)
        except soundfile.LibsndfileError:
            # It does not say how many samples it gave, but they are none of the NaN.
            missing = np.isnan(block[:, -1])
            got = block[: int(missing.argmax()) if missing.any() else size]
            if len(got):
                yield got
            raise
        if not len(got):
            return
        yield got


def check_count(part: Part, count: int) -> None:
    """Raises AudioError if another number of frames came than the container announces."""
    if part.frames is None or part.fault:
        return
    slack = _MP3_SLACK if part.format == "MP3" else 0
    if count < part.frames - slack:
        raise AudioError(cut_short(part.frames, count, "samples of each channel"))
    if count > part.frames + slack:
        raise AudioError(
            f"its header announces {part.frames} samples of each channel, and more follow: {count}"
        )


def _has_descriptor(source: Source) -> bool:
    try:
        source.file.fileno()
    except (AttributeError, OSError):
        return False
    return True


@contextmanager
def _piped(view: View) -> Iterator[int]:
    """Gives the descriptor of a pipe through which a view comes."""
    reader, writer = os.pipe()

    def fill() -> None:
        try:
            with open(writer, "wb", buffering=0) as pipe:
                while data := view.read(1 << 16):
                    while data:
                        data = data[pipe.write(data) :]
        except BrokenPipeError:  # nobody wants the rest
            pass

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield reader
    finally:
        os.close(reader)
        thread.join()
