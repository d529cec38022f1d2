"""A corpus in another format, or as a token file for each clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from audiotok_jax import entropy, tokenfile
from audiotok_jax.corpus import reports, shards
from audiotok_jax.corpus.engines import Done
from audiotok_jax.corpus.entry import Entry
from audiotok_jax.corpus.formats import Layout
from audiotok_jax.corpus.lock import Lock
from audiotok_jax.corpus.plan import PLAN, Plan, Shard
from audiotok_jax.corpus.reading import Corpus
from audiotok_jax.corpus.shards import Receipt


def to_corpus(corpus: Corpus, out: Path, form: str, coder: entropy.Coder | None) -> Iterator[Shard]:
    """Writes a corpus of the same clips; shards that are there already are kept.

    Args:
        corpus: the one to read.
        out: folder of the new one; it is made.
        form: one of `formats.FORMATS`.
        coder: makes tokens compact.

    Yields:
        Each shard that was written.

    Raises:
        ValueError: there is another corpus in `out`, or a shard is damaged.
        OSError: the disk does not take it, or another process writes it.
    """
    prior = coder.prior.id if coder else ""
    settings = replace(corpus.plan.settings, format=form, compact=coder is not None, prior=prior)
    out.mkdir(parents=True, exist_ok=True)
    (out / shards.FOLDER).mkdir(exist_ok=True)
    with Lock(out) as lock:
        with lock.planning():
            if not (out / PLAN).exists():
                clips = [
                    one for shard in corpus.plan.shards for one in corpus.plan.originals(shard)
                ]
                Plan.write(out, settings, clips)
            plan = Plan.read(out)
        if plan.settings != settings:
            raise ValueError(f"{out}: another corpus is there; choose another --out")
        with lock.making(plan.shards):
            shards.clean(plan, plan.shards)
            layout = Layout(settings.about, plan.columns, coder)
            for part, (shard, receipt) in enumerate(corpus.done):
                if shards.receipt(plan, shard) is None:
                    clips_done = _clips(corpus, part, shard, receipt)
                    for _ in shards.write(plan, shard, layout, clips_done):
                        pass
                    yield shard
        with lock.planning():
            reports.write(plan)


def to_files(corpus: Corpus, out: Path, coder: entropy.Coder | None) -> Iterator[Path]:
    """Writes OUT/ID.atok for each clip, and yields its path; such files are replaced.

    Raises:
        ValueError: an id leads out of `out`, or a shard is damaged.
        OSError: the disk does not take it.
    """
    settings = corpus.plan.settings
    for entry in corpus:
        path = place(out, entry, ".atok")
        path.parent.mkdir(parents=True, exist_ok=True)
        found = tokenfile.TokenFile(
            entry.tokens,
            settings.model_id,
            entry.sample_rate,
            settings.hop_length,
            entry.num_samples,
            settings.bits,
        )
        tokenfile.write(path, found, coder)
        yield path


def place(folder: Path, entry: Entry, suffix: str) -> Path:
    """Where a clip goes in a folder: its id is the name; ValueError if that leads out of it."""
    path = folder / f"{entry.id}{suffix}"
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"the id {entry.id!r} leads out of {folder}")
    return path


def _clips(corpus: Corpus, part: int, shard: Shard, receipt: Receipt) -> Iterator[Done]:
    """What became of each clip of a shard."""
    reasons = {error["id"]: error["reason"] for error in receipt.errors}
    entries = (corpus[int(n)] for n in range(corpus.starts[part], corpus.starts[part + 1]))
    for number, original in enumerate(corpus.plan.originals(shard), shard.first):
        if original.id in reasons:
            yield Done(number, np.zeros(0, np.uint16), 0, reasons[original.id])
        else:
            entry = next(entries)
            yield Done(number, entry.tokens, entry.num_samples, "")
