"""Decodes the audio of a clip into windows for the encoder; imports no JAX."""

from __future__ import annotations

import errno
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiotok_jax import audio
from audiotok_jax.config import CodecConfig
from audiotok_jax.corpus.inputs import REMOTE, Original
from audiotok_jax.files import irregular
from audiotok_jax.formats import TAR
from audiotok_jax.windows import cut

BLOCK_SECONDS = 1.0
"""Decoded at once; small, as the header of a broken file may announce any rate and channels."""

COPY_BYTES = 1 << 20
"""Copied at once."""

REMOTE_BYTES = 4 << 30
"""Of a URL at most: a stream without end would fill the disk with its copy."""

_LOCAL = "file://"
_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")  # with which ffmpeg names its parts


class Unavailable(OSError):
    """Disk, memory or software is missing: all other clips would fail as well."""


class Shape(NamedTuple):
    """The shape of the windows that an encoder takes.

    Attributes:
        sample_rate: in Hz.
        size: samples in the middle of a window.
        halo: samples before and after it.
        reading: how audio is read.
    """

    sample_rate: int
    size: int
    halo: tuple[int, int]
    reading: audio.Reading = audio.PLAIN

    @property
    def length(self) -> int:
        """Samples of a window."""
        return self.size + sum(self.halo)


def shape_of(config: CodecConfig, window: int, reading: audio.Reading = audio.PLAIN) -> Shape:
    """The windows of `window` tokens that a codec takes."""
    return Shape(config.sample_rate, window * config.hop_length, config.encoder_halo, reading)


class Piece(NamedTuple):
    """A window of a clip, or why there are no more.

    Attributes:
        data: float32 (length,) as `windows.cut` gives it; None with an error.
        samples: of the clip that lie in the middle of the window.
        last: whether the clip ends with it.
        error: why the clip cannot be read, "" if it can; the pieces before are to be dropped.
    """

    data: NDArray[np.float32] | None
    samples: int
    last: bool
    error: str = ""


def pieces(original: Original, shape: Shape) -> Iterator[Piece]:
    """Decodes a clip in constant memory.

    Yields:
        At least one piece, of which the last one alone has `last` set.

    Raises:
        Unavailable: see there.
    """
    held = None
    try:
        with opened(original, shape.reading) as (rate, chunks):
            wave = audio.resample_stream(chunks, rate, shape.sample_rate)
            for data, samples in cut(wave, shape.size, shape.halo, 0.0):
                if held is not None:
                    yield held
                held = Piece(data, samples, last=False)
        assert held is not None  # resample_stream refuses empty audio
        yield held._replace(last=True)
    except Unavailable:
        raise
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno in _OURS:
            raise Unavailable(error.errno, error.strerror, original.path) from None
        yield Piece(None, 0, last=True, error=_reason(original, error))


@contextmanager
def opened(
    original: Original, reading: audio.Reading = audio.PLAIN
) -> Iterator[tuple[int, Iterable[ArrayLike]]]:
    """Gives the sample rate in Hz and the chunks of a clip."""
    path, container = original.path, original.container
    if original.fault:
        raise audio.AudioError(original.fault)
    if container.endswith(TAR):  # first, as a member may have the name of a URL
        with _copied(_member(original)) as copy:
            yield audio.stream(copy, BLOCK_SECONDS, name=path, **reading._asdict())
    elif container:
        from audiotok_jax.data import datasets  # imports TFDS, which takes half a second

        record = datasets.open_records(container)[original.offset]
        yield datasets.rate_of(record), [record["audio"]]
    elif REMOTE in path and not path.startswith(_LOCAL):
        with _copied(_remote(path)) as copy:
            yield audio.stream(copy, BLOCK_SECONDS, name=path, **reading._asdict())
    else:
        local = unquote(path.removeprefix(_LOCAL)) if path.startswith(_LOCAL) else path
        if kind := irregular(local):  # which may never end
            raise audio.AudioError(f"is {kind}, not an audio file")
        yield audio.stream(local, BLOCK_SECONDS, **reading._asdict())


@contextmanager
def _copied(blocks: Iterator[bytes]) -> Iterator[str]:
    """Gives the path of a temporary copy."""
    with tempfile.NamedTemporaryFile() as copy:
        for block in blocks:
            copy.write(block)
        copy.flush()
        yield copy.name


def _member(original: Original) -> Iterator[bytes]:
    with open(original.container, "rb") as tar:
        tar.seek(original.offset)
        left = original.size
        while block := tar.read(min(left, COPY_BYTES)):
            yield block
            left -= len(block)


def _remote(url: str) -> Iterator[bytes]:
    # Imported here, as it imports much, and files do not need it.
    import fsspec  # type: ignore[import-untyped]

    total = 0
    try:
        with fsspec.open(url) as file:
            while block := file.read(COPY_BYTES):
                total += len(block)
                if total > REMOTE_BYTES:
                    raise OSError(f"more than {REMOTE_BYTES >> 30} GiB")
                yield block
    except Exception as error:  # each kind of storage has errors of its own
        raise OSError(f"{url}: {error}") from None


def _reason(original: Original, error: Exception) -> str:
    """The error in one reproducible line, without the path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    return _ADDRESS.sub("", text).replace(f"{original.path}: ", "")
