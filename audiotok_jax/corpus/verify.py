"""Verifies that a corpus is complete and that its model reproduces its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from audiotok_jax.corpus import decoding, records, reports, shards
from audiotok_jax.corpus.counts import Counts
from audiotok_jax.corpus.plan import CLIPS, Plan, Shard, digest
from audiotok_jax.corpus.reading import Corpus
from audiotok_jax.corpus.shards import Receipt
from audiotok_jax.files import sha256
from audiotok_jax.tokenizer import AudioTokenizer


def check_files(corpus: Corpus) -> Iterator[str]:
    """Compares plan, receipts, shards and reports with each other.

    Yields:
        A line for each thing that is wrong.
    """
    plan = corpus.plan
    try:
        clips = (one for shard in plan.shards for one in plan.originals(shard))
        if digest(clips) != plan.settings.clips:
            yield f"{plan.out / CLIPS}: has other clips than the plan was made for"
    except ValueError as error:
        yield str(error)
        return  # needed for everything else
    for part, (shard, receipt) in enumerate(corpus.done):
        yield from _check_shard(corpus, part, shard, receipt)
    known = {path.name for shard in plan.shards for path in shards.paths(plan, shard)}
    for path in sorted((plan.out / shards.FOLDER).iterdir()):
        if path.name not in known and not path.name.startswith("."):
            yield f"{path}: is no part of this corpus"
    if missing := len(plan.shards) - len(corpus.done):
        yield f"{plan.out}: {missing} of {len(plan.shards)} shards are not done"
    else:
        yield from _check_reports(plan)


def _check_shard(corpus: Corpus, part: int, shard: Shard, receipt: Receipt) -> Iterator[str]:
    plan = corpus.plan
    faults = []
    for path, known in zip(shards.files(plan, shard), receipt.files, strict=True):
        try:
            if sha256(path) != known.sha256:
                faults.append(f"{path}: is not what was written: another checksum")
        except OSError as error:
            faults.append(f"{path}: {error.strerror}")
    if faults:
        yield from faults
        return
    try:
        ids, tokens = corpus.ids(part), int(corpus.lengths(part).sum())
        counts = Counts.from_json(receipt.counts, plan.settings.bits)
        planned = [original.id for original in corpus.encoded(part)]
    except ValueError as error:
        yield f"{plan.out}: shard {shard.name}: {error}"
        return
    if ids != planned:
        yield f"{plan.out}: shard {shard.name} has other clips than the plan"
    if tokens != receipt.tokens or counts.tokens.sum() != tokens:
        yield f"{plan.out}: shard {shard.name} has another number of tokens than written"


def _check_reports(plan: Plan) -> Iterator[str]:
    path = plan.out / reports.CARD
    try:
        card, now = records.read(reports.Card, path), reports.card_of(plan)
        # Other versions of libraries may have made it, and rounded the statistics differently.
        if card != replace(
            now, statistics=card.statistics, python=card.python, versions=card.versions
        ):
            yield f"{path}: does not say what is in the shards"
        path = plan.out / reports.ERRORS
        if path.read_text(encoding="utf-8") != "".join(reports.error_lines(plan)):
            yield f"{path}: has other lines than the receipts"
    except FileNotFoundError:
        yield f"{path}: is not there; `audiotok corpus run` writes it"
    except ValueError as error:
        yield f"{path}: damaged: {error}"


def check_tokens(corpus: Corpus, tokenizer: AudioTokenizer, sample: int) -> Iterator[str | None]:
    """Encodes a fixed random sample of clips again and compares.

    Yields:
        For each of `sample` clips, or all if there are fewer: None, or what is wrong with it.
    """
    rng = np.random.default_rng(0)
    for number in sorted(rng.permutation(len(corpus))[:sample].tolist()):
        part = int(np.searchsorted(corpus.starts, number, "right")) - 1
        original = corpus.encoded(part)[number - int(corpus.starts[part])]
        try:
            entry = corpus[number]
            with decoding.opened(original, corpus.plan.settings.reading) as (rate, chunks):
                pieces = [tokens for _, tokens in tokenizer.encode_clips([(chunks, rate)])]
        except (ValueError, OSError) as error:
            yield f"{original.id}: cannot be encoded again: {error}"
            continue
        same = np.array_equal(np.concatenate(pieces), entry.tokens)
        yield None if same else f"{original.id}: other tokens than its audio gives now"
