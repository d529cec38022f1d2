"""Writing mono audio with 16 bits per sample."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import ArrayLike

from audiotok_jax.audio.samples import AudioError, check_rate, to_mono, to_pcm
from audiotok_jax.audio.sndfile import SoundFile
from audiotok_jax.files import replacing
from audiotok_jax.formats import AUDIO_WRITTEN

_WRITE_BLOCK = 1 << 16  # samples; libsndfile's Vorbis encoder overflows the stack on long writes
_MAX_WAV = (2**32 - 2**16) // 2  # samples; a WAV header counts bytes in 32 bits


class Writer:
    """Writes mono audio with 16 bits per sample, chunk by chunk; a context manager.

    The file appears under its name when the block succeeds. If the block raises, nothing
    half-written remains.
    """

    def __init__(self, path: str | os.PathLike[str], sample_rate: int) -> None:
        """Checks the arguments; the file is opened on entering the block.

        Args:
            path: its suffix sets the format: .wav, .flac, .ogg (Vorbis), .opus or .mp3; "-" is
                standard output, as WAV.
            sample_rate: in Hz.

        Raises:
            AudioError: the suffix is unknown, or the sample rate is out of range. On entering the
                block: the format does not support this rate. On leaving it: nothing was written.
            OSError: on entering or leaving the block: the file cannot be written.
        """
        self._path = os.fspath(path)
        suffix = ".wav" if self._path == "-" else Path(path).suffix.lower()
        if suffix not in AUDIO_WRITTEN:
            raise AudioError(
                f"{self._path}: cannot write {suffix or 'a name without suffix'}; "
                f"use one of {' '.join(AUDIO_WRITTEN)}"
            )
        self._format, self._subtype, most = AUDIO_WRITTEN[suffix]
        self._rate = check_rate(sample_rate)
        if most is not None and self._rate > most:
            raise AudioError(f"{self._path}: {suffix} takes at most {most} Hz, not {self._rate}")
        self._written = 0

    def __enter__(self) -> Writer:
        with ExitStack() as stack:
            place = _to_stdout() if self._path == "-" else replacing(self._path)
            self._sink = stack.enter_context(_Sink(stack.enter_context(place), "w"))
            stack.enter_context(self._errors())
            self._sound = stack.enter_context(
                SoundFile(
                    self._sink,
                    "w",
                    samplerate=self._rate,
                    channels=1,
                    format=self._format,
                    subtype=self._subtype,
                )
            )
            stack.push(self._refuse_empty)
            self._stack = stack.pop_all()
        return self

    def write(self, chunk: ArrayLike) -> None:
        """Appends samples, clipped to -1..1.

        Args:
            chunk: float32 (S,), S >= 0, or anything else that `to_mono` accepts.

        Raises:
            AudioError: the chunk is invalid, or a WAV file would exceed its 4 GiB.
            OSError: the file cannot be written.
        """
        pcm = to_pcm(to_mono(chunk, loudest=np.inf))
        self._written += len(pcm)
        if self._format == "WAV" and self._written > _MAX_WAV:
            raise AudioError(f"{self._path}: too long for a WAV file (4 GiB); write .flac instead")
        for start in range(0, len(pcm), _WRITE_BLOCK):
            self._sound.write(pcm[start : start + _WRITE_BLOCK])
            self._sink.check(self._path)

    def __exit__(self, *error: Any) -> None:
        """Puts the file under its name, or removes it if the block raised."""
        self._stack.__exit__(*error)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{self._path}: {error.error_string}") from None
        self._sink.check(self._path)  # once more: closing writes, too

    def _refuse_empty(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self._written:
            raise AudioError(f"{self._path}: no samples to write")


def write(path: str | os.PathLike[str], wave: ArrayLike, sample_rate: int) -> None:
    """Writes a whole audio file; see `Writer` for the rules and errors.

    Args:
        path: the file; its suffix sets the format; "-" is standard output, as WAV.
        wave: float32 (S,), S >= 1, or anything else that `to_mono` accepts.
        sample_rate: in Hz.
    """
    with Writer(path, sample_rate) as writer:
        writer.write(wave)


class _Sink(io.FileIO):
    """A file that stores the error of a write until `check`.

    libsndfile would replace it by another one, or drop it if it occurs on closing.
    """

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Writes all of `data`, nothing more after an error, and returns its length."""
        rest = memoryview(data)
        try:
            while rest and self.error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def check(self, name: str) -> None:
        """Raises the stored error, if any, for the file `name`."""
        if self.error is not None:
            raise OSError(self.error.errno, self.error.strerror, name)


@contextmanager
def _to_stdout() -> Iterator[Path]:
    """Yields a temporary path, whose file is copied to standard output if the block succeeds.

    A WAV header holds the length, so it cannot be written to a pipe before the samples are known.
    """
    with tempfile.NamedTemporaryFile() as temporary:
        yield Path(temporary.name)
        shutil.copyfileobj(temporary, sys.stdout.buffer)
        sys.stdout.buffer.flush()
