"""Recordings: where the audio of a clip is stored, and how to read it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import IO, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.data import audio_files
from audiotok_jax.data.audio_files import WHOLE, Length, Span
from audiotok_jax.files import irregular

_PIECE = 1 << 20
"""Bytes that are copied at once."""


class Place(Protocol):
    """The bytes of an audio file: a file, a member of a tar or a cell of a table; can be pickled.

    Both methods raise AudioError if there are none, and OSError if they cannot be read.
    """

    @property
    def path(self) -> str:
        """For messages: of the file, or of its container followed by the name in that."""

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """The bytes, as a seekable file."""

    def local(self) -> AbstractContextManager[str]:
        """The path of a file with the bytes, which errors of `audio` do not show."""


class File(NamedTuple):
    """A file as it is; a `Place`."""

    path: str

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """See `Place`."""
        with self.local() as path, open(path, "rb") as file:
            yield file

    @contextmanager
    def local(self) -> Iterator[str]:
        """See `Place`; AudioError for a pipe or a device, which may never end."""
        if kind := irregular(self.path):
            raise audio.AudioError(f"{self.path}: is {kind}, not an audio file")
        yield self.path


class Recording(NamedTuple):
    """The audio of a clip: the part `span` of what is at `place`."""

    place: Place
    span: Span = WHOLE

    @property
    def path(self) -> str:
        """Path of its place, with the name of the part; for messages."""
        return self.span.name(self.place.path)

    def measure(self) -> Length:
        """Its length, by the header if that is reliable, or else by decoding.

        Raises:
            AudioError: it is not audio, or ends before its part does.
            OSError: it cannot be read.
        """
        with self.place.open() as file:
            length = audio_files.header(file)
        if length is not None:
            return length._replace(frames=self.span.length(length.frames, length.sample_rate))
        with self.stream() as (rate, blocks):
            return Length(rate, sum(map(len, blocks)))

    @contextmanager
    def stream(
        self, block_seconds: float = 10.0, reading: audio.Reading = audio.PLAIN
    ) -> Iterator[tuple[int, Iterable[NDArray[np.float32]]]]:
        """Yields the sample rate in Hz and the blocks; see `audio.stream`."""
        with self.place.local() as path:
            yield audio_files.stream(path, self.span, block_seconds, reading, self.place.path)

    def read(self, sample_rate: int, start: int, stop: int) -> NDArray[np.int16]:
        """Samples `start` to `stop` at `sample_rate` Hz; see `audio_files.read`."""
        with self.place.local() as path:
            return audio_files.read(path, sample_rate, start, stop, self.span)

    def load(self, sample_rate: int) -> NDArray[np.float32]:
        """All samples at `sample_rate` Hz, float32 (S,); errors as of `audio.read`."""
        with self.stream() as (rate, blocks):
            return np.concatenate(list(audio.resample_stream(blocks, rate, sample_rate)))

    def digest(self) -> str:
        """A hash of its bytes and its part, 64 hexadecimal digits."""
        with self.place.open() as file:
            found = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
        if self.span != WHOLE:
            found.update(repr(self.span).encode())
        return found.hexdigest()


class Entry(NamedTuple):
    """A recording that may be a clip; see `Clip` for the other attributes."""

    recording: Recording
    name: str
    corpus: str
    columns: Mapping[str, str] = {}


@contextmanager
def copied(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yields the path of a temporary file with the given content."""
    with tempfile.NamedTemporaryFile() as copy:
        copy.writelines(pieces)
        copy.flush()
        yield copy.name


@contextmanager
def unpacked(place: Place) -> Iterator[str]:
    """Yields the path of a temporary copy; see `Place.local`."""
    with place.open() as file, copied(iter(lambda: file.read(_PIECE), b"")) as copy:
        try:
            yield copy
        except audio.AudioError as error:
            raise audio.AudioError(str(error).replace(copy, place.path)) from None
