"""How good a decoded wave is: metrics of speech against the original, each from its library."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from audiotok_jax.audio import to_mono
from audiotok_jax.evaluate.metrics import (
    distance,
    naturalness,
    perceptual,
    pitch,
    recognition,
    speaker,
)
from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave

__all__ = ["METRICS", "RATE", "Metric", "Original", "available", "measure"]


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
        english: whether it is for English only.
    """

    name: str
    label: str
    unit: str
    better: Literal["higher", "lower"] | None
    function: Callable[[Original, Wave], Values]
    libraries: tuple[str, ...] = ()
    english: bool = False


# Its ufuncs are compiled when it is imported, and kept on disk. That is to happen before there are
# worker processes: what several of them keep at once can crash the next (numba issue 10128).
_PITCH = (pitch.errors, ("librosa.core.pitch",))
_DNSMOS = (naturalness.dnsmos, ("onnxruntime", "speechmos.dnsmos"))
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
        "speaker_similarity",
        "speaker similarity",
        "",
        "higher",
        speaker.similarity,
        ("torch", "resemblyzer"),
    ),
    Metric(
        "wer",
        "word error rate",
        "%",
        "lower",
        recognition.word_error_rate,
        ("pocketsphinx", "jiwer"),
        english=True,
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
        A value for each metric: None where it is not defined for this pair, infinite for the
        SI-SDR of a wave that equals the original but for its gain.

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
    for function, english in dict.fromkeys((m.function, m.english) for m in usable):
        if original.english or not english:
            values |= function(original, decoded)
    return {metric.name: values.get(metric.name) for metric in usable}
