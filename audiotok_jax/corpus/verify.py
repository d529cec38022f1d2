"""Whether a corpus is whole, and its tokens are those that its model gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audiotok_jax.corpus import decoding, shards
from audiotok_jax.corpus.inputs import Original
from audiotok_jax.corpus.plan import Shard
from audiotok_jax.corpus.reading import Corpus
from audiotok_jax.corpus.shards import Receipt
from audiotok_jax.tokenizer import AudioTokenizer


def check_files(corpus: Corpus) -> Iterator[str]:
    """Compares all shards with their receipts and the plan.

    Yields:
        A line for each thing that is wrong.
    """
    plan = corpus.plan
    missing = len(plan.shards) - len(corpus.done)
    if missing:
        yield f"{plan.out}: {missing} of {len(plan.shards)} shards are not done"
    for part, (shard, receipt) in enumerate(corpus.done):
        whole = True
        for path, known in zip(shards.files(plan, shard), receipt.files, strict=True):
            try:
                whole = shards.checksum(path) == known["sha256"]
                if not whole:
                    yield f"{path}: is not what was written: another checksum"
            except OSError as error:
                whole = False
                yield f"{path}: {error.strerror}"
        if whole:
            try:
                ids, lengths = corpus.ids(part), corpus.lengths(part)
            except ValueError as error:
                yield str(error)
                continue
            if ids != [original.id for original in _encoded(corpus, shard, receipt)]:
                yield f"{plan.out}: shard {shard.name} has other clips than the plan"
            if lengths.sum() != receipt.tokens:
                yield f"{plan.out}: shard {shard.name} has another number of tokens than written"


def check_tokens(corpus: Corpus, tokenizer: AudioTokenizer, sample: int) -> Iterator[str | None]:
    """Encodes clips again, drawn at random, the same ones each time.

    Yields:
        What is wrong with a clip, or None, for each of `sample` clips, or of all if there are less.
    """
    rng = np.random.default_rng(0)
    for number in sorted(rng.permutation(len(corpus))[:sample].tolist()):
        part = int(np.searchsorted(corpus.starts, number, "right")) - 1
        original = _encoded(corpus, *corpus.done[part])[number - int(corpus.starts[part])]
        try:
            entry = corpus[number]
            with decoding.opened(original, corpus.plan.settings.reading) as (rate, chunks):
                pieces = [tokens for _, tokens in tokenizer.encode_clips([(chunks, rate)])]
        except (ValueError, OSError) as error:
            yield f"{original.id}: cannot be encoded again: {error}"
            continue
        same = np.array_equal(np.concatenate(pieces), entry.tokens)
        yield None if same else f"{original.id}: other tokens than its audio gives now"


def _encoded(corpus: Corpus, shard: Shard, receipt: Receipt) -> list[Original]:
    """The clips of a shard that have tokens."""
    failed = {error["id"] for error in receipt.errors}
    return [one for one in corpus.plan.originals(shard) if one.id not in failed]
