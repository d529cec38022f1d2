"""Decoding of the audio of a clip into windows for the encoder; imports no JAX."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiotok_jax import audio
from audiotok_jax.config import CodecConfig
from audiotok_jax.corpus.inputs import REMOTE, Original
from audiotok_jax.data import audio_files
from audiotok_jax.data.cells import Cell
from audiotok_jax.data.recordings import File, Place, Recording, copied
from audiotok_jax.data.tars import Member
from audiotok_jax.formats import DATASET, TAR
from audiotok_jax.windows import cut

BLOCK_SECONDS = 1.0
"""Length of a decoded block; short, as a damaged header may announce any rate and channels."""

COPY_BYTES = 1 << 20
"""Bytes read from a URL at once."""

REMOTE_BYTES = 4 << 30
"""Largest download: an endless stream would fill the disk."""

_LOCAL = "file://"
_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")  # in messages of ffmpeg


class Unavailable(OSError):
    """Disk space, memory or software is missing, so all other clips would fail, too."""


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
    """A window of a clip, or the error that ends it.

    Attributes:
        data: float32 (length,), see `windows.cut`; None with an error.
        samples: number of samples of the clip in the middle of the window.
        last: whether it is the last of the clip.
        error: why the clip cannot be read, or ""; earlier pieces must then be discarded.
    """

    data: NDArray[np.float32] | None
    samples: int
    last: bool
    error: str = ""


def pieces(original: Original, shape: Shape) -> Iterator[Piece]:
    """Decodes a clip in constant memory.

    Yields:
        At least one piece; only the last one has `last` set.

    Raises:
        Unavailable: for a reason that does not depend on the clip.
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
    """Yields the sample rate in Hz and the chunks of a clip."""
    path, container, span = original.path, original.container, original.span
    if original.fault:
        raise audio.AudioError(original.fault)
    if container.startswith(DATASET):
        from audiotok_jax.data import datasets  # imports TFDS, which takes half a second

        record = datasets.open_records(container)[original.offset]
        yield datasets.rate_of(record), [record["audio"]]
    elif not container and REMOTE in path and not path.startswith(_LOCAL):
        with copied(_remote(path)) as copy:
            yield audio_files.stream(copy, span, BLOCK_SECONDS, reading, name=path)
    else:
        with Recording(_place(original), span).stream(BLOCK_SECONDS, reading) as found:
            yield found


def _place(original: Original) -> Place:
    """The place of a clip that is neither at a URL nor in a dataset."""
    path, container, offset = original.path, original.container, original.offset
    if container.endswith(TAR):
        return Member(container, path.removeprefix(f"{container}/"), offset, original.size)
    if container:
        return Cell(container, offset)
    return File(unquote(path.removeprefix(_LOCAL)) if path.startswith(_LOCAL) else path)


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
    except Exception as error:  # each kind of storage raises other errors
        raise OSError(f"{url}: {error}") from None


def _reason(original: Original, error: Exception) -> str:
    """The error in one reproducible line, without the path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    return _ADDRESS.sub("", text).replace(f"{original.path}: ", "")
