"""The work of an evaluation process: codecs and metrics applied to one clip."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import signals
from audiotok_jax.data.recordings import Recording
from audiotok_jax.evaluate import codecs
from audiotok_jax.evaluate.align import align
from audiotok_jax.evaluate.codecs.interface import at_rate
from audiotok_jax.evaluate.journal import Heard, Key, Row
from audiotok_jax.evaluate.metrics import RATE, Metric, Original, Readings, measure


class Work(NamedTuple):
    """One clip and the rows to measure on it.

    Attributes:
        keys: of the rows, all with the same clip, language and transcript.
        transcript, recogniser: see `Original`.
        heard: key of the readings of the clip.
        readings: earlier output of recognisers for the clip.
    """

    recording: Recording
    keys: tuple[Key, ...]
    transcript: str
    recogniser: str | None
    heard: Heard
    readings: Readings


class Done(NamedTuple):
    """The results of a `Work`.

    Attributes:
        errors: a line for each codec without a row, or one for the clip.
        seconds: length of the clip.
        heard, readings: see `Work`, with new readings.
    """

    rows: dict[Key, Row]
    errors: list[str]
    seconds: float
    heard: Heard
    readings: Readings


def start() -> None:
    """Prepares a worker process, which ends silently with its parent or on Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signals.follow_parent()


def evaluate(work: Work, metrics: Sequence[Metric]) -> Done:
    """Encodes and decodes one clip with each codec and measures the result by available metrics.

    Returns:
        Rows with `seconds` (of the clip), `kbps_payload` and `kbps_file` (coded bits, and those of
        the whole file, over the duration), `delay_samples` and `length_difference` (of the decoded
        wave at 16 kHz, see `align`), the values of `measure`, and `encode_seconds` and
        `decode_seconds` of a codec that is warmed up.
    """
    try:
        wave = work.recording.load(RATE)
    except (ValueError, OSError) as error:
        return Done({}, [str(error)], 0.0, work.heard, work.readings)
    original = Original(
        wave,
        work.keys[0].language,
        transcript=work.transcript,
        recogniser=work.recogniser,
        readings=work.readings,
    )
    rows: dict[Key, Row] = {}
    errors = []
    for key in work.keys:
        try:
            rows[key] = _row(_codec(key.codec, key.version), original, metrics)
        except Exception as error:  # of any library; other codecs continue
            reason = str(error) or type(error).__name__
            errors.append(f"{work.recording.path}: {key.codec}: {reason}")
    return Done(rows, errors, len(wave) / RATE, work.heard, original.readings)


def _row(codec: codecs.Codec, original: Original, metrics: Sequence[Metric]) -> Row:
    wave = original.wave
    begin = time.perf_counter()
    data = codec.encode(wave, RATE)
    middle = time.perf_counter()
    decoded = codec.decode(data)
    end = time.perf_counter()
    aligned = align(wave, at_rate(decoded, codec.sample_rate, RATE), RATE)
    values = measure(original, aligned.decoded, metrics)
    for name, value in values.items():
        if value is not None and math.isnan(value):
            raise ValueError(f"{name} is not a number")
    seconds = len(wave) / RATE
    return {
        "seconds": seconds,
        "kbps_payload": codec.payload_bits(data) / seconds / 1000,
        "kbps_file": 8 * len(data) / seconds / 1000,
        "delay_samples": aligned.delay,
        "length_difference": aligned.length_difference,
        **values,
        "encode_seconds": middle - begin,
        "decode_seconds": end - middle,
    }


@cache
def _codec(spec: str, version: str) -> codecs.Codec:
    """Makes a codec and runs it once, so that loading and compilation are not timed."""
    codec = codecs.parse(spec)
    if codec.version != version:
        raise ValueError(f"is {codec.version} now, not {version}; run again")
    codec.decode(codec.encode(_hum(), RATE))
    return codec


def _hum() -> NDArray[np.float32]:
    return (0.1 * np.sin(np.arange(RATE) * (2 * np.pi * 200 / RATE))).astype(np.float32)
