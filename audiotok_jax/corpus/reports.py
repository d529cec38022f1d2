"""Reports of a finished corpus: its card and its list of errors."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from audiotok_jax import files, provenance
from audiotok_jax.corpus import records, shards
from audiotok_jax.corpus.counts import Counts
from audiotok_jax.corpus.plan import Plan
from audiotok_jax.corpus.shards import Receipt

CARD, ERRORS = "corpus_card.json", "errors.jsonl"

LIBRARIES = ("audiotok_jax", "jax", "jaxlib", "numpy", "pyarrow", "soundfile", "soxr")


@dataclass(frozen=True)
class Card:
    """Contents of a corpus, and the software that made it.

    Attributes:
        model, model_id, sample_rate, hop_length, bits, inputs, format, compact: see `Settings`.
        columns: names of the metadata of clips.
        shards, tokens: their numbers.
        clips, errors: numbers of clips with and without tokens.
        hours: length of the speech.
        bytes: size of all shards.
        statistics: see `Counts.statistics`.
        python, versions: of Python and of the libraries.
    """

    model: str
    model_id: str
    sample_rate: int
    hop_length: int
    bits: int
    inputs: tuple[str, ...]
    columns: tuple[str, ...]
    format: str
    compact: bool
    shards: int
    clips: int
    errors: int
    hours: float
    tokens: int
    bytes: int
    statistics: dict[str, Any]
    python: str
    versions: dict[str, str | None]


def write(plan: Plan) -> Card | None:
    """Writes `errors.jsonl`, a line for each clip without tokens, and `corpus_card.json`.

    They contain no date, so the same shards give the same bytes.

    Returns:
        The card; None, and nothing is written, if some shards are not done.

    Raises:
        ValueError: a receipt is damaged.
        OSError: it cannot be written.
    """
    if not all(shards.is_done(plan, shard) for shard in plan.shards):
        return None
    files.write(plan.out / ERRORS, "".join(error_lines(plan)))
    card = card_of(plan)
    files.write(plan.out / CARD, records.text(card))
    return card


def error_lines(plan: Plan) -> Iterator[str]:
    """Lines of `errors.jsonl`; ValueError if a receipt is damaged."""
    for receipt in _receipts(plan):
        for error in receipt.errors:
            yield json.dumps(asdict(error), ensure_ascii=False) + "\n"


def card_of(plan: Plan) -> Card:
    """The card of a corpus whose shards are done; ValueError if a receipt is damaged."""
    settings = plan.settings
    counts = Counts(settings.bits)
    clips = errors = tokens = samples = size = 0
    for shard, receipt in zip(plan.shards, _receipts(plan), strict=True):
        try:
            counts += Counts.from_json(receipt.counts, settings.bits)
        except ValueError as error:
            raise ValueError(f"{plan.out}: receipt of shard {shard.name}: {error}") from None
        clips += receipt.clips
        errors += len(receipt.errors)
        tokens += receipt.tokens
        samples += receipt.samples
        size += sum(file.bytes for file in receipt.files)
    return Card(
        model=settings.model,
        model_id=settings.model_id,
        sample_rate=settings.sample_rate,
        hop_length=settings.hop_length,
        bits=settings.bits,
        inputs=settings.inputs,
        columns=plan.columns,
        format=settings.format,
        compact=settings.compact,
        shards=len(plan.shards),
        clips=clips,
        errors=errors,
        hours=samples / settings.sample_rate / 3600,
        tokens=tokens,
        bytes=size,
        statistics=counts.statistics(),
        python=platform.python_version(),
        versions={name: provenance.version(name) for name in LIBRARIES},
    )


def _receipts(plan: Plan) -> Iterator[Receipt]:
    for shard in plan.shards:
        receipt = shards.receipt(plan, shard)
        assert receipt is not None
        yield receipt
