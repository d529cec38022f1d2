"""Audio files and parts of them: their lengths and samples."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.audio import containers
from audiotok_jax.audio.containers.part import miscounted
from audiotok_jax.audio.samples import Mixer
from audiotok_jax.audio.sndfile import block_frames
from audiotok_jax.audio.source import Source

MIN_SECONDS = 0.1
"""Shortest usable clip."""

SLACK_SECONDS = 0.025
"""What a file may lack at the end of a span: times are rounded, and lossy formats end early."""

# In these formats, libsndfile seeks to the exact sample. In Ogg and MP3 files, samples after a seek
# differ by rounding from those of decoding from the start.
_EXACT = ("WAV", "WAVEX", "FLAC", "AIFF", "AU", "CAF", "W64", "RF64")


class Length(NamedTuple):
    """Length of audio in frames, and its sample rate in Hz."""

    sample_rate: int
    frames: int

    def at(self, sample_rate: int) -> int:
        """Number of samples after resampling to `sample_rate` Hz."""
        return -(-self.frames * sample_rate // self.sample_rate)


class Span(NamedTuple):
    """The part of a file that is a clip.

    Attributes:
        start: in seconds.
        seconds: its length; infinite up to the end of the file.
        channel: number from 1; 0 leaves the choice to `audio.Reading`.
    """

    start: float = 0.0
    seconds: float = math.inf
    channel: int = 0

    def at(self, rate: int) -> tuple[int, int]:
        """Its first frame at `rate` Hz and the one after its last, rounded to the nearest."""
        start = math.floor(self.start * rate + 0.5)
        if math.isinf(self.seconds):
            return start, sys.maxsize
        return start, start + math.floor(self.seconds * rate + 0.5)

    def length(self, total: int, rate: int) -> int:
        """Its number of frames in a file of `total` frames; AudioError if the file ends before."""
        start, stop = self.at(rate)
        if self != WHOLE and (total <= start or total + SLACK_SECONDS * rate < stop < sys.maxsize):
            raise audio.AudioError(
                f"the file ends at {total / rate:.3f} s, and the part from {self.start:.3f} s on "
                f"is {self.seconds:.3f} s long"
            )
        return min(total, stop) - start

    def name(self, path: str) -> str:
        """The name of the part: `a#1500-4250.wav`, in milliseconds, or `path` of a whole file."""
        if self == WHOLE:
            return path
        stem, suffix = os.path.splitext(path)
        stop = self.start + self.seconds
        part = f"{self.start * 1000:.0f}-{'' if math.isinf(stop) else f'{stop * 1000:.0f}'}"
        return f"{stem}#{part}{f'c{self.channel}' if self.channel else ''}{suffix}"


WHOLE = Span()


def header(file: IO[bytes]) -> Length | None:
    """The length by the header of a file; None if it does not agree with the size of the file."""
    parts = containers.parts(Source(file))
    if len(parts) != 1 or parts[0].fault or not parts[0].certain or parts[0].endless:
        return None  # concatenated, damaged, or only known after decoding
    file.seek(0)
    try:
        info = soundfile.info(file)
    except soundfile.LibsndfileError:
        return None
    # libsndfile also counts bytes after the samples of some formats; for MP3, it knows more.
    frames = info.frames if parts[0].format == "MP3" else parts[0].frames
    return Length(info.samplerate, frames) if frames else None


def check_length(length: Length) -> None:
    """Raises AudioError for less than `MIN_SECONDS`."""
    seconds = length.frames / length.sample_rate
    if seconds < MIN_SECONDS:
        raise audio.AudioError(f"{seconds:.3f} s is too short; at least {MIN_SECONDS} s is needed")


def stream(
    path: str,
    span: Span = WHOLE,
    block_seconds: float = 10.0,
    reading: audio.Reading = audio.PLAIN,
    name: str | None = None,
) -> tuple[int, Iterator[NDArray[np.float32]]]:
    """Opens a part of a file; as `audio.stream`, with the same errors.

    The audio before the part is decoded only if the format does not allow exact seeking.
    """
    name = path if name is None else name
    if span.channel:
        reading = reading._replace(channel=span.channel)
    if span.start and (file := _exact(path)) is not None:
        rate = file.samplerate
        start, stop = span.at(rate)
        if start < stop <= file.frames:
            return rate, _sought(file, start, stop, block_seconds, reading.channel, name)
        file.close()
    rate, blocks = audio.stream(path, block_seconds, **reading._asdict(), name=name)
    return rate, blocks if span == WHOLE else _within(blocks, rate, span, name)


def read(
    path: str, sample_rate: int, start: int, stop: int, span: Span = WHOLE
) -> NDArray[np.int16]:
    """Samples `start` to `stop` of a clip at `sample_rate` Hz, or as many of them as there are.

    They are the same bit for bit however a clip is divided into reads. Decoding ends at `stop`, and
    begins at `start` if the format allows exact seeking.

    Raises:
        AudioError: the audio up to there is invalid.
        OSError: it cannot be read.
    """
    first = span.at(sample_rate)[0] + start
    if first and (file := _exact(path)) is not None:
        with suppress(soundfile.LibsndfileError), file:
            if file.samplerate == sample_rate:
                file.seek(first)
                part = file.read(stop - start, "float32", always_2d=True)
                if len(part) == stop - start:
                    return audio.to_pcm(audio.to_mono(part, span.channel or audio.MIX))
    rate, blocks = stream(path, span)
    found = []
    done = 0
    for block in audio.resample_stream(blocks, rate, sample_rate):
        found.append(audio.to_pcm(block[max(0, start - done) : max(0, stop - done)]))
        done += len(block)
        if done > stop:  # not at `stop`, as only the end shows whether the file is truncated
            break
    return np.concatenate(found)


def _sought(
    file: soundfile.SoundFile,
    start: int,
    stop: int,
    block_seconds: float,
    channel: str | int,
    name: str,
) -> Iterator[NDArray[np.float32]]:
    mixer = Mixer(channel)
    size = block_frames(block_seconds, file.samplerate, file.channels)
    done = start
    try:
        with file:
            file.seek(start)
            for block in file.blocks(size, frames=stop - start, dtype="float32", always_2d=True):
                done += len(block)
                yield mixer.push(block)
        if done < stop:
            raise audio.AudioError(miscounted(stop, done))
        mixer.finish()
    except soundfile.LibsndfileError as error:
        raise audio.AudioError(f"{name}: libsndfile cannot read it: {error.error_string}") from None
    except audio.AudioError as error:
        raise audio.AudioError(f"{name}: {error}") from None


def _within(
    blocks: Iterator[NDArray[np.float32]], rate: int, span: Span, name: str
) -> Iterator[NDArray[np.float32]]:
    start, stop = span.at(rate)
    done = 0
    for block in blocks:
        part = block[max(0, start - done) : stop - done]
        done += len(block)
        if len(part):
            yield part
        if done >= stop:
            return
    try:
        span.length(done, rate)
    except audio.AudioError as error:
        raise audio.AudioError(f"{name}: {error}") from None


def _exact(path: str) -> soundfile.SoundFile | None:
    """Opens a file in which libsndfile seeks to the exact sample; None for others."""
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError:
        return None
    if file.format == "FLAC" or (file.format in _EXACT and _is_plain(path)):
        return file
    file.close()
    return None


def _is_plain(path: str) -> bool:
    """Whether a file is one recording with a correct header, which libsndfile can read alone."""
    with open(path, "rb") as file:
        source = Source(file)
        parts = containers.parts(source)
        return len(parts) == 1 and parts[0].pieces == (range(source.size),)
