"""Audio files for training: their lengths and samples, the same whatever source holds them."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import IO, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.audio import containers
from audiotok_jax.audio.source import Source

MIN_SECONDS = 0.1
"""What is shorter holds no speech to learn from."""

# libsndfile seeks to the very sample in these; what it gives after a seek in an Ogg or MP3 file
# differs by rounding from what it gives when it decodes all before.
_EXACT = ("WAV", "WAVEX", "FLAC", "AIFF", "AU", "CAF", "W64", "RF64")


class Length(NamedTuple):
    """Of audio: frames, and how many of them are a second."""

    sample_rate: int
    frames: int

    def at(self, sample_rate: int) -> int:
        """Samples after `audio` has resampled it."""
        return -(-self.frames * sample_rate // self.sample_rate)


def header(file: str | IO[bytes]) -> Length | None:
    """What the header of a file says, if the bytes that are there agree with it; else None."""
    with open(file, "rb") if isinstance(file, str) else nullcontext(file) as opened:
        parts = containers.parts(Source(opened))
        if len(parts) != 1 or parts[0].fault or not parts[0].certain or parts[0].endless:
            return None  # joined, damaged, or it can only be told by decoding
        opened.seek(0)
        try:
            info = soundfile.info(opened)
        except soundfile.LibsndfileError:
            return None
    # libsndfile counts what lies behind the samples of some formats, too; of MP3 it knows more.
    frames = info.frames if parts[0].format == "MP3" else parts[0].frames
    return Length(info.samplerate, frames) if frames else None


def measure(path: str) -> Length:
    """The length of a file, decoded if its header does not tell.

    Raises:
        AudioError: it is no audio.
        OSError: the disk does not give it.
    """
    found = header(path)
    if found is None:
        rate, blocks = audio.stream(path)
        found = Length(rate, sum(map(len, blocks)))
    return found


def check_length(length: Length) -> None:
    """Raises AudioError for less than `MIN_SECONDS`."""
    seconds = length.frames / length.sample_rate
    if seconds < MIN_SECONDS:
        raise audio.AudioError(f"{seconds:.3f} s is too short; at least {MIN_SECONDS} s is needed")


def read(path: str, sample_rate: int, start: int, stop: int) -> NDArray[np.int16]:
    """Samples `start` to `stop` of a file at `sample_rate` Hz, or as many of them as there are.

    They are the same to the last bit in whatever pieces a file is read. It is decoded no further
    than `stop`, and from `start` on if its format allows that.

    Raises:
        AudioError: the audio up to there is bad.
        OSError: the disk does not give it.
    """
    if start:
        with suppress(soundfile.LibsndfileError), soundfile.SoundFile(path) as file:
            exact = file.format == "FLAC" or (file.format in _EXACT and _is_plain(path))
            if exact and file.samplerate == sample_rate:
                file.seek(start)
                part = file.read(stop - start, "float32", always_2d=True)
                if len(part) == stop - start:
                    return to_pcm(audio.to_mono(part))
    rate, blocks = audio.stream(path)
    found = []
    done = 0
    for block in audio.resample_stream(blocks, rate, sample_rate):
        found.append(to_pcm(block[max(0, start - done) : max(0, stop - done)]))
        done += len(block)
        if done > stop:  # and not at `stop`: the end shows whether the file was cut short
            break
    return np.concatenate(found)


def _is_plain(path: str) -> bool:
    """Whether libsndfile finds by itself what is in a file: one recording with a right header."""
    with open(path, "rb") as file:
        source = Source(file)
        parts = containers.parts(source)
        return len(parts) == 1 and parts[0].pieces == (range(source.size),)


def to_pcm(wave: NDArray[np.float32]) -> NDArray[np.int16]:
    """Rounds samples in -1..1 to 16 bits; what was decoded from 16 bits comes back unchanged."""
    return np.rint(wave * np.float32(32768)).clip(-32768, 32767).astype(np.int16)
