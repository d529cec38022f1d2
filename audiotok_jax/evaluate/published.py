"""Published results of neural codecs for the plots, not measured here.

All numbers are from one evaluation and comparable with each other. Of ours, only PESQ-WB and STOI
are roughly comparable with them, as the clips differ; their word errors are those of a HuBERT-large
recogniser against the transcripts, and their speaker similarity is that of a WavLM-large verifier.
"""

from __future__ import annotations

import csv
import math
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("published.csv")


@dataclass(frozen=True)
class Anchor:
    """A codec at one bitrate.

    Attributes:
        system: name of the codec.
        tokens_per_second: of all codebooks together; None for the original speech.
        codebooks: numbers and sizes, such as "8x2048"; "" for the original speech.
        wer, stoi, pesq_wb, pesq_nb, sim, utmos: word error rate in percent, intelligibility by
            STOI, PESQ, speaker similarity, and naturalness by UTMOS.
        dataset, source: of the measurement.
        read_from: file of a repository from which the numbers were copied.
    """

    system: str
    tokens_per_second: float | None
    codebooks: str
    wer: float
    stoi: float
    pesq_wb: float
    pesq_nb: float
    sim: float
    utmos: float
    dataset: str
    source: str
    read_from: str

    @property
    def kbps(self) -> float | None:
        """Bitrate of the tokens: their rate times the mean log2 of the sizes of their codebooks."""
        if self.tokens_per_second is None:
            return None
        parts = [part.split("x") for part in self.codebooks.split("+")]
        books = sum(int(count) for count, _ in parts)
        bits = sum(int(count) * math.log2(int(size)) for count, size in parts)
        return self.tokens_per_second * bits / books / 1000


def load() -> tuple[Anchor, ...]:
    """The published results, in the order of the file."""
    kinds = typing.get_type_hints(Anchor)

    def typed(name: str, text: str) -> Any:
        return text if kinds[name] is str else float(text) if text else None

    with open(_FILE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(Anchor(**{name: typed(name, row[name]) for name in row}) for row in rows)
