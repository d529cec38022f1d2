"""The work of an evaluation process: one clip through codecs and metrics."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Sequence
from functools import cache
from multiprocessing import parent_process
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.evaluate import codecs
from audiotok_jax.evaluate.align import align
from audiotok_jax.evaluate.codecs.interface import at_rate
from audiotok_jax.evaluate.journal import Heard, Key, Row
from audiotok_jax.evaluate.metrics import RATE, Metric, Original, Readings, measure


class Work(NamedTuple):
    """One clip, and what is to be measured on it.

    Attributes:
        path: of the clip.
        keys: of the rows: of one clip, one language and one transcript.
        transcript: what is said; "" where that is not known.
        recogniser: see `Original`.
        heard: what readings of the clip depend on.
        readings: what recognisers have heard in it before.
    """

    path: str
    keys: tuple[Key, ...]
    transcript: str
    recogniser: str | None
    heard: Heard
    readings: Readings


class Done(NamedTuple):
    """What became of it.

    Attributes:
        rows: those that there are.
        errors: a line for each codec that has no row, or one for the clip.
        seconds: of the clip.
        heard: that of the work.
        readings: what recognisers hear in the clip.
    """

    rows: dict[Key, Row]
    errors: list[str]
    seconds: float
    heard: Heard
    readings: Readings


def start() -> None:
    """Prepares a worker process: it ends, silently, when its parent does or on Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()


def evaluate(work: Work, metrics: Sequence[Metric]) -> Done:
    """Takes one clip through codecs, and measures what comes out.

    Args:
        work: the clip and its rows.
        metrics: such as are available here.

    Returns:
        Rows with `seconds` (of the clip), `kbps_payload` and `kbps_file` (coded bits, and those of
        the whole file, over the duration), `delay_samples` and `length_difference` (of the decoded
        wave at 16 kHz, see `align`), what `measure` gives, and `encode_seconds` and
        `decode_seconds` of a codec that has run before.
    """
    try:
        wave, _ = audio.read(work.path, RATE)
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
        except Exception as error:  # whatever a library raises: the others go on
            reason = str(error) or type(error).__name__
            errors.append(f"{work.path}: {key.codec}: {reason}")
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
    """Makes a codec, and lets it load and compile what it needs before a time is taken."""
    codec = codecs.parse(spec)
    if codec.version != version:
        raise ValueError(f"is {codec.version} now, not {version}; run again")
    codec.decode(codec.encode(_hum(), RATE))
    return codec


def _hum() -> NDArray[np.float32]:
    return (0.1 * np.sin(np.arange(RATE) * (2 * np.pi * 200 / RATE))).astype(np.float32)


def _follow_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
