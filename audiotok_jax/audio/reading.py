"""Reading audio of any format in constant memory, as mono float32.

libsndfile reads WAV, FLAC, MP3, Ogg Vorbis, Opus and more; ffmpeg reads the other formats (M4A,
AAC, WMA, WebM, ...). Before either of them, `containers` compares the header of a file with its
content.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.audio import containers, ffmpeg, sndfile
from audiotok_jax.audio.containers.part import Part
from audiotok_jax.audio.resampling import Resampler, resample_stream
from audiotok_jax.audio.samples import MIX, AudioError, Mixer, check_channel
from audiotok_jax.audio.source import Source
from audiotok_jax.files import irregular

REFUSE, KEEP = "refuse", "keep"
logger = logging.getLogger(__name__)


class Reading(NamedTuple):
    """How files are read; see `stream`."""

    channel: str | int = MIX
    truncated: str = REFUSE


PLAIN = Reading()


def stream(
    path: str | os.PathLike[str],
    block_seconds: float = 10.0,
    *,
    channel: str | int = MIX,
    truncated: str = REFUSE,
    name: str | None = None,
) -> tuple[int, Iterator[NDArray[np.float32]]]:
    """Opens an audio file to be read block by block in constant memory.

    If a file holds several concatenated recordings, all are read in order; those with another
    sample rate are resampled to that of the first. Standard input and pipes are first copied to a
    temporary file, because most formats need seeking.

    Args:
        path: the file; "-" is standard input.
        block_seconds: length of a block, at most; more than 0.
        channel: "mix", the mean of all; "left", "right" or a number from 1: only that one.
        truncated: what to do with a file that is truncated or damaged, or has excess bytes:
            "refuse" raises; "keep" reads what is there and logs a warning with the reason.
        name: of the file in error messages; None is its path.

    Returns:
        The sample rate in Hz, and an iterator of float32 (n,), n >= 1. The file is closed when
        the iterator is exhausted, closed or garbage-collected.

    Raises:
        AudioError: at the call or at a later block: not audio, damaged, in conflict with its
            header, empty, no such channel, channels that cancel each other, NaN, floats far outside
            -1..1, or a format that needs ffmpeg, which is not installed.
        OSError: the file does not exist or cannot be read.
    """
    if not block_seconds > 0:
        raise AudioError(f"block_seconds must be more than 0, not {block_seconds}")
    check_channel(channel)
    if truncated not in (REFUSE, KEEP):
        raise AudioError(f"truncated must be {REFUSE} or {KEEP}, not {truncated!r}")
    if name is None:
        name = "standard input" if os.fspath(path) == "-" else os.fspath(path)
    blocks = _named(path, name, block_seconds, Reading(channel, truncated))
    return next(blocks), blocks  # a generator that has started closes the file in any case


def read(
    path: str | os.PathLike[str],
    sample_rate: int | None = None,
    *,
    channel: str | int = MIX,
    truncated: str = REFUSE,
) -> tuple[NDArray[np.float32], int]:
    """Reads a whole audio file; see `stream` for the rules and errors.

    Args:
        path: the file; "-" is standard input.
        sample_rate: to resample to, in Hz; None keeps the rate of the file.
        channel: see `stream`.
        truncated: see `stream`.

    Returns:
        float32 (S,), S >= 1, and its sample rate in Hz.
    """
    rate, chunks = stream(path, channel=channel, truncated=truncated)
    if sample_rate is not None:
        chunks = resample_stream(chunks, rate, sample_rate)
        rate = sample_rate
    return np.concatenate(list(chunks)), rate


def _named(
    path: str | os.PathLike[str], name: str, block_seconds: float, reading: Reading
) -> Generator[Any, None, None]:
    """Yields the sample rate in Hz, then mono blocks; prefixes errors with the name of the file."""
    try:
        with _open(path, name) as file:
            yield from _joined(Source(file), name, block_seconds, reading)
    except AudioError as error:
        raise AudioError(f"{name}: {error}") from None


def _open(path: str | os.PathLike[str], name: str) -> IO[bytes]:
    """Opens a file to read; a pipe is copied to a temporary file first, to allow seeking.

    Raises:
        AudioError: it is a folder, a device or a socket.
        OSError: it does not exist, or cannot be read or copied.
    """
    if os.fspath(path) == "-":
        return _spool(sys.stdin.buffer, name)
    kind = irregular(path)
    if kind not in ("", "a pipe"):
        raise AudioError(f"is {kind}, not an audio file")
    file = open(path, "rb")
    if not kind:
        return file
    with file:
        return _spool(file, name)


def _spool(source: IO[bytes], name: str) -> IO[bytes]:
    temporary = tempfile.NamedTemporaryFile()
    try:
        shutil.copyfileobj(source, temporary)
        temporary.seek(0)
    except OSError as error:
        temporary.close()
        where = f"{name}: its copy in {tempfile.gettempdir()}"
        raise OSError(error.errno, error.strerror, where) from None
    except BaseException:
        temporary.close()
        raise
    return temporary


def _joined(
    source: Source, name: str, block_seconds: float, reading: Reading
) -> Generator[Any, None, None]:
    if source.size == 0:
        raise AudioError("the file is empty")
    parts = containers.parts(source)
    if not parts:
        raise AudioError(f"is no audio of a format that is read: {containers.FORMATS}")
    faults = [part.fault for part in parts if part.fault]
    if faults and reading.truncated != KEEP:
        raise AudioError(faults[0])
    mixer = Mixer(reading.channel)
    rate = count = 0
    for part in parts:
        if not part.pieces:
            continue
        resampler = None
        try:
            with closing(_decoded(source, part, name, block_seconds)) as blocks:
                own = next(blocks)
                if not rate:
                    rate = own
                    yield rate
                resampler = Resampler(own, rate)
                for block in blocks:
                    out = resampler.push(mixer.push(block))
                    if len(out):
                        count += len(out)
                        yield out
        except AudioError as error:
            if reading.truncated != KEEP or not rate:
                raise
            faults.append(str(error))
        if resampler is not None and len(out := resampler.finish()):
            count += len(out)
            yield out
    if not count:
        raise AudioError(faults[0] if faults else "the audio is empty")
    mixer.finish()
    if faults:
        logger.warning("%s: %s; kept %.3f s", name, faults[0], count / rate)


def _decoded(
    source: Source, part: Part, name: str, block_seconds: float
) -> Generator[Any, None, None]:
    """Yields the sample rate in Hz, then float32 (n, channels) blocks."""
    if not part.native:
        if not ffmpeg.is_there():
            raise AudioError(
                f"{part.format} is read by ffmpeg, which is not here; install ffmpeg (Debian "
                "package `ffmpeg`)"
            )
        yield from ffmpeg.blocks(source, part, name, block_seconds)
        return
    try:
        with closing(sndfile.blocks(source, part, name, block_seconds)) as blocks:
            yield from blocks
        return
    except sndfile.Failed as failed:
        failure = failed
    if not ffmpeg.is_there():
        raise AudioError(
            f"libsndfile cannot read this ({failure.reason}); if it is whole, install ffmpeg "
            "(Debian package `ffmpeg`)"
        )
    # Continues after the samples that libsndfile decoded before it failed.
    done = failure.frames
    with closing(ffmpeg.blocks(source, part, name, block_seconds, failure.rate)) as blocks:
        rate = next(blocks)
        if not failure.rate:
            yield rate
        for block in blocks:
            rest = block[done:]
            done -= len(block) - len(rest)
            if len(rest):
                yield rest
