"""Audio as mono float32: reading, resampling and writing, in constant memory."""

from audiotok_jax.audio.reading import KEEP, PLAIN, REFUSE, Reading, read, stream
from audiotok_jax.audio.resampling import Resampler, resample_stream
from audiotok_jax.audio.samples import (
    MAX_CHANNELS,
    MIX,
    RATES,
    AudioError,
    check_channel,
    to_mono,
    to_pcm,
)
from audiotok_jax.audio.writing import Writer, write

__all__ = [
    "KEEP",
    "MAX_CHANNELS",
    "MIX",
    "PLAIN",
    "RATES",
    "REFUSE",
    "AudioError",
    "Reading",
    "Resampler",
    "Writer",
    "check_channel",
    "read",
    "resample_stream",
    "stream",
    "to_mono",
    "to_pcm",
    "write",
]
