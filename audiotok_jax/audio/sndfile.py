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

from audiotok_jax.audio.containers.part import Part, miscounted
from audiotok_jax.audio.samples import AudioError, check_layout
from audiotok_jax.audio.source import Source, View

MOST_VALUES = 1 << 20
"""Samples of all channels that are decoded at once."""

_UNKNOWN = 2**62  # frames from which on libsndfile means "unknown"
_MP3_SLACK = 4 * 1152  # frames that MP3 decoders may drop at both ends
_SYSTEM = 2  # SF_ERR_SYSTEM


class Failed(Exception):
    """libsndfile failed, which need not mean that the audio is invalid.

    Attributes:
        reason: its message.
        frames: number of frames decoded before.
        rate: their sample rate in Hz; 0 if unknown.
    """

    def __init__(self, reason: str, frames: int = 0, rate: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason.rstrip(".") or "it says no reason"
        self.frames = frames
        self.rate = rate


class SoundFile(soundfile.SoundFile):
    """A sound file that never seeks.

    soundfile seeks to its current position after each read and write, which loses the overlap of
    MP3 frames (an audible gap at each block) and fails in FLAC files of unknown length.
    """

    def seekable(self) -> bool:
        """False, which keeps soundfile from seeking."""
        return False


def block_frames(block_seconds: float, rate: int, channels: int) -> int:
    """Frames to decode at once: shorter blocks where many channels would take too much memory."""
    return max(1, min(int(block_seconds * rate), MOST_VALUES // channels))


def blocks(
    source: Source, part: Part, name: str, block_seconds: float
) -> Generator[Any, None, None]:
    """Decodes a part.

    Yields:
        The sample rate in Hz, then float32 (n, channels) blocks.

    Raises:
        Failed: libsndfile cannot read it, or not to its end.
        AudioError: the number of samples is not that of the header, or the layout is unsupported.
        OSError: the file cannot be read.
    """
    with ExitStack() as stack:
        view = View(source, part.pieces)
        count = rate = 0
        try:
            if part.endless:
                # libsndfile would guess the length of a file; from a pipe it reads everything.
                opened: Any = stack.enter_context(_piped(view))
            elif part.pieces == (range(0, source.size),) and _has_descriptor(source):
                opened = source.file.fileno()
                os.lseek(opened, 0, os.SEEK_SET)
            else:
                opened = view
            # Without a path, so that the content and not the suffix determines the format.
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
                raise OSError(f"{name}: it cannot be read from the disk") from None
            if part.format != "FLAC" or not count or count != part.frames:
                raise Failed(error.error_string, count, rate) from None
            if not part.padded:
                raise AudioError("what follows its last frame is no FLAC") from None
            announced = count
        view.check(name)
    if count < announced < _UNKNOWN:
        raise Failed(miscounted(announced, count), count, rate)
    check_count(part, count)


def _read(sound: SoundFile, size: int) -> Iterator[NDArray[np.float32]]:
    """Yields blocks, including the samples that libsndfile decoded before an error."""
    while True:
        block = np.full((size, sound.channels), np.nan, np.float32)
        try:
            got = sound.read(size, out=block)
        except soundfile.LibsndfileError:
            # It does not report how many samples it wrote, but those are not NaN.
            missing = np.isnan(block[:, -1])
            got = block[: int(missing.argmax()) if missing.any() else size]
            if len(got):
                yield got
            raise
        if not len(got):
            return
        yield got


def check_count(part: Part, count: int) -> None:
    """Raises AudioError if the number of frames is not that of the container."""
    if part.frames is None or part.fault:
        return
    if abs(count - part.frames) > (_MP3_SLACK if part.format == "MP3" else 0):
        raise AudioError(miscounted(part.frames, count))


def _has_descriptor(source: Source) -> bool:
    try:
        source.file.fileno()
    except (AttributeError, OSError):
        return False
    return True


@contextmanager
def _piped(view: View) -> Iterator[int]:
    """Yields the descriptor of a pipe from which the content of a view can be read."""
    reader, writer = os.pipe()

    def fill() -> None:
        try:
            with open(writer, "wb", buffering=0) as pipe:
                while data := view.read(1 << 16):
                    while data:
                        data = data[pipe.write(data) :]
        except BrokenPipeError:  # the rest is not needed
            pass

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield reader
    finally:
        os.close(reader)
        thread.join()
