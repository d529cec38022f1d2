"""What is told of a corpus once all of its shards are done: its card, and its errors."""

from __future__ import annotations

import json
import platform
from typing import Any

from audiotok_jax import provenance
from audiotok_jax.corpus import shards
from audiotok_jax.corpus.counts import Counts
from audiotok_jax.corpus.plan import Plan
from audiotok_jax.files import replacing

CARD, ERRORS = "corpus_card.json", "errors.jsonl"

LIBRARIES = ("audiotok_jax", "jax", "jaxlib", "numpy", "pyarrow", "soundfile", "soxr")


def write(plan: Plan) -> dict[str, Any] | None:
    """Writes `errors.jsonl`, a line for each clip without tokens, and `corpus_card.json`.

    The same shards give the same bytes: there is no date in them.

    Returns:
        The card; None, and nothing is written, if some shards are not done.

    Raises:
        ValueError: a receipt is damaged.
        OSError: the disk does not take it.
    """
    if not all(shards.is_done(plan, shard) for shard in plan.shards):
        return None
    settings = plan.settings
    counts = Counts(settings.bits)
    clips = errors = tokens = samples = size = 0
    with replacing(plan.out / ERRORS) as path, open(path, "w", encoding="utf-8") as file:
        for shard in plan.shards:
            receipt = shards.receipt(plan, shard)
            assert receipt is not None
            for error in receipt.errors:
                file.write(json.dumps(error, ensure_ascii=False) + "\n")
            counts += Counts.from_json(receipt.counts, settings.bits)
            clips += receipt.clips
            errors += len(receipt.errors)
            tokens += receipt.tokens
            samples += receipt.samples
            size += sum(one["bytes"] for one in receipt.files)
    card = {
        "model": settings.model,
        "model_id": settings.model_id,
        "sample_rate": settings.sample_rate,
        "hop_length": settings.hop_length,
        "bits": settings.bits,
        "inputs": settings.inputs,
        "columns": plan.columns,
        "format": settings.format,
        "compact": settings.compact,
        "shards": len(plan.shards),
        "clips": clips,
        "errors": errors,
        "hours": samples / settings.sample_rate / 3600,
        "tokens": tokens,
        "bytes": size,
        "statistics": counts.statistics(),
        "python": platform.python_version(),
        "versions": {name: provenance.version(name) for name in LIBRARIES},
    }
    with replacing(plan.out / CARD) as path:
        path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card
