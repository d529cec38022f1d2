"""Sample rate conversion of streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray

from audiotok_jax.audio.samples import MIX, AudioError, Mixer, check_rate


class Resampler:
    """Streaming sample rate converter.

    The output is the same bit for bit however the input is cut into chunks, and its total length is
    exactly ceil(total input * rate_out / rate_in). If the rates are equal, chunks pass through
    unchanged.
    """

    def __init__(self, rate_in: float, rate_out: float) -> None:
        """Starts a stream between two rates in Hz.

        Raises:
            AudioError: a rate is not a whole number in 1000..768000.
        """
        self._rate_in = check_rate(rate_in)
        self._rate_out = check_rate(rate_out)
        self._soxr = None
        if self._rate_in != self._rate_out:
            self._soxr = soxr.ResampleStream(
                self._rate_in, self._rate_out, 1, dtype="float32", quality="HQ"
            )
        self._taken = 0
        self._given = 0

    def push(self, chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes float32 (S,), S >= 0, and returns the output so far, float32 (R,), R >= 0."""
        if self._soxr is None:
            return chunk
        out = self._soxr.resample_chunk(np.ascontiguousarray(chunk))
        self._taken += len(chunk)
        self._given += len(out)
        return out

    def finish(self) -> NDArray[np.float32]:
        """Ends the stream and returns its last samples, float32 (R,), R >= 0."""
        if self._soxr is None:
            return np.zeros(0, np.float32)
        # soxr rounds the length to the nearest integer: one or two samples of silence extend it to
        # the ceiling, and the excess is cut off.
        silence = np.zeros(2 * -(-self._rate_in // self._rate_out), np.float32)
        missing = -(-self._taken * self._rate_out // self._rate_in) - self._given
        return self._soxr.resample_chunk(silence, last=True)[:missing]


def delay(rate_in: float, rate_out: float) -> float:
    """Longest delay of a `Resampler` in seconds, which comes from the blocks of soxr.

    Measured by pushing 2 s in pieces of 10 ms, as the sizes of the blocks are not documented.
    """
    resampler = Resampler(rate_in, rate_out)
    piece = np.zeros(-(-int(rate_in) // 100), np.float32)
    taken, given, longest = 0, 0, 0.0
    for _ in range(200):
        taken += len(piece)
        given += len(resampler.push(piece))
        longest = max(longest, taken / rate_in - given / rate_out)
    return longest


def resample_stream(
    chunks: Iterable[ArrayLike], rate_in: float, rate_out: float, channel: str | int = MIX
) -> Iterator[NDArray[np.float32]]:
    """Mixes down and resamples a stream of chunks, each as `to_mono` takes it.

    `channel` is "mix", "left", "right" or a number from 1.

    Yields:
        float32 (R,), R >= 1; ceil(total input * rate_out / rate_in) samples in total, the same bit
        for bit however the input is cut into chunks.

    Raises:
        AudioError: a chunk or a rate is invalid, all chunks are empty, or channels cancel each
            other in the mix.
    """
    mixer = Mixer(channel)
    resampler = Resampler(rate_in, rate_out)
    empty = True
    for chunk in chunks:
        mono = mixer.push(chunk)
        empty = empty and not len(mono)
        out = resampler.push(mono)
        if len(out):
            yield out
    if empty:
        raise AudioError("the audio is empty")
    mixer.finish()
    out = resampler.finish()
    if len(out):
        yield out
