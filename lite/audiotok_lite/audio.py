"""Samples: reading and writing by libsndfile, sample rates by soxr."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BLOCK = 1 << 16  # frames of a file that are read at once


def to_mono(samples: ArrayLike) -> NDArray[np.float32]:
    """A chunk of samples, float or int16, (S,) or (S, channels), as the mean of its channels.

    Raises:
        ValueError: another dtype or shape, NaN or infinity.
    """
    array = np.asarray(samples)
    if array.dtype.kind != "f" and array.dtype != np.int16 or array.ndim not in (1, 2):
        raise ValueError(
            "samples must be floats or int16 of shape (S,) or (S, channels), not "
            f"{array.dtype} {array.shape}"
        )
    scale = np.float32(1 if array.dtype.kind == "f" else 1 / 32768)
    mono = array.astype(np.float32) * scale
    if not np.isfinite(mono).all():
        raise ValueError("samples hold NaN or infinity")
    return mono.mean(axis=1) if mono.ndim == 2 else mono


def to_int16(wave: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples from -1 to 1, rounded; what is louder is clipped."""
    return np.rint(wave * np.float32(32768)).clip(-32768, 32767).astype(np.int16)


def resample(
    chunks: Iterable[ArrayLike], rate_in: int, rate_out: int
) -> Iterator[NDArray[np.float32]]:
    """Mixes down and resamples a stream, as `audiotok_jax.audio.resample_stream` does.

    Yields:
        float32 (R,), together ceil(samples * rate_out / rate_in), however the stream is cut.
    """
    if rate_in == rate_out:
        yield from map(to_mono, chunks)
        return
    import soxr

    stream = soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality="HQ")
    taken = given = 0
    for chunk in chunks:
        mono = np.ascontiguousarray(to_mono(chunk))
        out = stream.resample_chunk(mono)
        taken, given = taken + len(mono), given + len(out)
        yield out
    if taken:
        # soxr rounds the length: silence extends it to the ceiling, and the excess is cut off.
        silence = np.zeros(2 * -(-rate_in // rate_out), np.float32)
        missing = -(-taken * rate_out // rate_in) - given
        yield stream.resample_chunk(silence, last=True)[:missing]


def read(path: str | os.PathLike[str]) -> tuple[int, Iterator[NDArray[np.float32]]]:
    """Opens an audio file: its sample rate in Hz, and its blocks, float32 (n, channels).

    Raises:
        ValueError: at the call or a later block: libsndfile cannot read it.
        OSError: there is no such file.
    """
    import soundfile

    class Unsought(soundfile.SoundFile):
        """As soundfile seeks after each block, which loses the overlap of MP3 frames."""

        def seekable(self) -> bool:
            return False

    name = os.fspath(path)
    with open(path, "rb"):
        pass  # libsndfile says of any such error that it was a system error
    try:
        file = Unsought(name)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{name}: {error.error_string}") from None

    def blocks() -> Iterator[NDArray[np.float32]]:
        with file:
            while len(block := file.read(_BLOCK, "float32", always_2d=True)):
                yield block

    return file.samplerate, blocks()


def write(path: str | os.PathLike[str], wave: NDArray[np.float32], sample_rate: int) -> None:
    """Writes mono audio of 16 bits, in the format of the suffix; whole or not at all.

    Raises:
        ValueError: there is no such format.
    """
    import soundfile

    target = Path(path)
    kind = target.suffix[1:].upper()
    if kind not in soundfile.available_formats():
        raise ValueError(f"{target}: cannot write {target.suffix or 'a name without suffix'}")
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        soundfile.write(temporary, to_int16(wave), sample_rate, format=kind)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
