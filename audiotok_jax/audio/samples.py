"""Validation of sample arrays, and mixing down of channels."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiotok_jax.arrays import to_numpy

MAX_CHANNELS = 32
RATES = (1_000, 768_000)
"""The lowest and the highest supported sample rate, in Hz."""

LOUDEST = 16.0
"""Larger floats (24 dB above full scale) must be integers that were not scaled to -1..1."""

MIX = "mix"
"""All channels as one, their mean."""

_SIDES = {"left": 0, "right": 1}
_CANCELLED = 1e-3  # power of the mix relative to that of the channels: -30 dB
_AUDIBLE = 1e-6  # power of the channels: -60 dB


class AudioError(ValueError):
    """The audio itself is invalid; errors of the disk are OSError."""


def check_channel(channel: str | int) -> int | None:
    """The index of a channel, "left", "right" or a number from 1; None for "mix".

    Raises:
        AudioError: it names no possible channel.
    """
    if channel == MIX:
        return None
    if isinstance(channel, str) and channel in _SIDES:
        return _SIDES[channel]
    try:
        number = int(channel) if isinstance(channel, str) else operator.index(channel)
    except (TypeError, ValueError):
        number = 0
    if not 1 <= number <= MAX_CHANNELS:
        raise AudioError(
            f"channel must be mix, left, right or a number in 1..{MAX_CHANNELS}, not {channel!r}"
        )
    return number - 1


def as_array(samples: ArrayLike) -> NDArray[Any]:
    """Samples of any library as an array; AudioError if they form none."""
    try:
        return to_numpy(samples)
    except (TypeError, ValueError):
        raise AudioError(
            "samples must form an array of numbers of shape (S,) or (S, channels)"
        ) from None


def to_mono(
    samples: ArrayLike, channel: str | int = MIX, *, loudest: float = LOUDEST
) -> NDArray[np.float32]:
    """Validates a chunk of samples and mixes it down to one channel.

    Args:
        samples: float16, float32 or float64, or int16 (divided by 32768), of shape (S,) or
            (S, channels), S >= 0.
        channel: "mix", the mean of all; "left", "right" or a number from 1: only that one.
        loudest: largest magnitude of floats that is accepted.

    Returns:
        float32 (S,), which may share memory with `samples`.

    Raises:
        AudioError: another dtype or shape, more than 32 channels, no such channel, NaN or
            infinity, or floats far outside -1..1.
    """
    number = check_channel(channel)
    array = as_array(samples)
    kind = (array.dtype.kind, array.dtype.itemsize)
    if kind not in (("i", 2), ("f", 2), ("f", 4), ("f", 8)):
        raise AudioError(
            f"samples must be int16, float16, float32 or float64, not {array.dtype}; "
            "scale other integers to floats in -1..1 first"
        )
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise AudioError(f"samples must have shape (S,) or (S, channels), not {array.shape}")
    if array.ndim == 2 and array.shape[1] > MAX_CHANNELS:
        raise AudioError(
            f"shape {array.shape} means {array.shape[1]} channels, more than {MAX_CHANNELS}; "
            "transpose the array if its channels come first"
        )
    channels = array.shape[1] if array.ndim == 2 else 1
    if number is not None:
        if number >= channels:
            raise AudioError(f"there is no channel {channel}: there are {channels}")
        array = array.reshape(-1, channels)[:, number]
    with np.errstate(over="ignore"):  # an overflow becomes infinite, which is refused below
        mono = array.astype(np.float32, order="C", copy=False)
        if kind == ("i", 2):
            mono = mono / np.float32(32768)
        elif mono.size:
            _check_floats(mono, loudest)
        if mono.ndim == 2:
            mono = mono.mean(axis=1)
    return mono


def to_pcm(wave: NDArray[np.float32]) -> NDArray[np.int16]:
    """Rounds samples to 16 bits, clipped to -1..1; what came from 16 bits comes back unchanged."""
    return np.rint(wave.clip(-1, 1) * np.float32(32768)).clip(max=32767).astype(np.int16)


class Mixer:
    """Mixes a stream of chunks down to one channel, and detects channels that cancel each other."""

    def __init__(self, channel: str | int = MIX) -> None:
        """See `to_mono`."""
        check_channel(channel)
        self._channel = channel
        self._before = self._after = 0.0  # energies
        self._frames = 0

    def push(self, chunk: ArrayLike) -> NDArray[np.float32]:
        """Mixes down one chunk; see `to_mono`."""
        array = as_array(chunk)
        mono = to_mono(array, self._channel)
        if self._channel == MIX and array.ndim == 2 and array.shape[1] > 1 and len(mono):
            scale = 32768 if array.dtype.kind == "i" else 1
            flat = array.astype(np.float32, copy=False).ravel()
            self._before += float(np.dot(flat, flat)) / scale**2 / array.shape[1]
            self._after += float(np.dot(mono, mono))
            self._frames += len(mono)
        return mono

    def finish(self) -> None:
        """Ends the stream.

        Raises:
            AudioError: the channels hold sound, but their mix is silent.
        """
        if self._before > _AUDIBLE * self._frames and self._after < _CANCELLED * self._before:
            raise AudioError(
                "the channels cancel each other when mixed (antiphase); choose one of them: "
                "--channel left on the command line, channel='left' in Python"
            )


def check_layout(rate: int, channels: int) -> None:
    """Raises AudioError for an unsupported sample rate or number of channels."""
    if not (RATES[0] <= rate <= RATES[1] and 1 <= channels <= MAX_CHANNELS):
        raise AudioError(
            f"{rate} Hz with {channels} channels; takes {RATES[0]} to {RATES[1]} Hz "
            f"with 1 to {MAX_CHANNELS} channels"
        )


def check_rate(rate: float) -> int:
    """The sample rate in Hz, a whole number, as an int; raises AudioError if it is invalid."""
    whole = isinstance(rate, float | np.floating) and float(rate).is_integer()
    try:
        number = operator.index(int(rate) if whole else rate)  # type: ignore[arg-type]
    except TypeError:
        raise AudioError(f"a sample rate must be an integer, not {rate!r}") from None
    if not RATES[0] <= number <= RATES[1]:
        raise AudioError(f"a sample rate must lie in {RATES[0]}..{RATES[1]} Hz, not {number}")
    return number


def _check_floats(samples: NDArray[np.float32], loudest: float) -> None:
    peak = float(max(-samples.min(), samples.max()))
    if not np.isfinite(peak):
        raise AudioError("samples hold NaN or infinity")
    if peak > loudest:
        raise AudioError(
            f"samples reach {peak:g}; floats must lie in -1..1: divide them by 32768 if they "
            "were integers of 16 bits"
        )
