"""Published results of neural codecs, for the plots: not measured here.

All numbers are of one evaluation, so they compare with each other.  With ours only PESQ-WB and
STOI compare, roughly, as the clips differ: word errors there are those of a HuBERT-large
recogniser against the true text, and speaker similarity is that of a WavLM-large verifier.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("published.csv")


@dataclass(frozen=True)
class Anchor:
    """A codec at one bitrate.

    Attributes:
        system: name of the codec.
        tokens_per_second: of all codebooks together; None for the original speech.
        codebooks: how many of which size, such as "8x2048"; "" for the original speech.
        wer: word error rate in percent.
        stoi: short-time objective intelligibility.
        pesq_wb: wideband PESQ.
        pesq_nb: narrowband PESQ.
        sim: similarity of the speaker.
        utmos: naturalness as UTMOS predicts it.
        dataset: what it was measured on.
        source: who published it.
        read_from: file of a repository that it was read from.
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
    """Returns what is published, in the order of the file."""
    with open(_FILE, encoding="utf-8", newline="") as file:
        return tuple(_anchor(row) for row in csv.DictReader(file))


def _anchor(row: dict[str, str]) -> Anchor:
    rate = row["tokens_per_second"]
    return Anchor(
        system=row["system"],
        tokens_per_second=float(rate) if rate else None,
        codebooks=row["codebooks"],
        wer=float(row["wer"]),
        stoi=float(row["stoi"]),
        pesq_wb=float(row["pesq_wb"]),
        pesq_nb=float(row["pesq_nb"]),
        sim=float(row["sim"]),
        utmos=float(row["utmos"]),
        dataset=row["dataset"],
        source=row["source"],
        read_from=row["read_from"],
    )
