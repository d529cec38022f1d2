"""`audiotok corpus verify`: whether a corpus is whole, and as its model makes it."""

from __future__ import annotations

import argparse
import warnings

from audiotok_jax import corpus
from audiotok_jax.corpus import verify
from audiotok_jax.jobs import tell
from audiotok_jax.tokenizer import AudioTokenizer


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code: 1 if something is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unfinished corpus is told of below
        found = corpus.open(args.corpus, args.model)
    wrong = list(verify.check_files(found))
    for line in wrong:
        tell(line)
    if wrong or not args.sample:
        print(f"{args.corpus}: {len(found.done)} shards checked, {len(wrong)} things wrong")
        return int(bool(wrong))
    settings = found.plan.settings
    tokenizer = AudioTokenizer.from_pretrained(args.model or settings.model)
    if tokenizer.model_id != settings.model_id:
        raise ValueError(
            f"{args.corpus}: made by model {settings.model_id}, but this is model "
            f"{tokenizer.model_id}; name the one that made it with --model"
        )
    results = list(verify.check_tokens(found, tokenizer, args.sample))
    wrong = [result for result in results if result is not None]
    for line in wrong:
        tell(line)
    print(
        f"{args.corpus}: {len(found.done)} shards and {len(found)} clips are whole; {len(results)} "
        f"clips encoded again, {len(wrong)} differ"
    )
    return int(bool(wrong))
