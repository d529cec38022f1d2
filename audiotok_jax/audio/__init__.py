"""Reads, resamples and writes audio in constant memory, as mono float32."""

from audiotok_jax.audio.reading import KEEP, PLAIN, REFUSE, Reading, read, stream
from audiotok_jax.audio.resampling import Resampler, resample_stream
from audiotok_jax.audio.samples import (
    MAX_CHANNELS,
    MIX,
    RATES,
    AudioError,
    check_channel,
    to_mono,
)
from audiotok_jax.audio.writing import Writer, write

SUFFIXES = (
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".webm"),
    *(".aiff", ".aif", ".aifc", ".au", ".caf", ".w64", ".rf64", ".sph", ".amr", ".3gp", ".mka"),
)
"""What `find` takes for audio in a folder, in lower case."""

__all__ = [
    "KEEP",
    "MAX_CHANNELS",
    "MIX",
    "PLAIN",
    "RATES",
    "REFUSE",
    "SUFFIXES",
    "AudioError",
    "Reading",
    "Resampler",
    "Writer",
    "check_channel",
    "read",
    "resample_stream",
    "stream",
    "to_mono",
    "write",
]
