"""`audiotok corpus export`: a corpus in another format."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from audiotok_jax import entropy
from audiotok_jax.commands.corpus.opening import open_corpus
from audiotok_jax.corpus import exporting


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    if args.compact and args.format == "flat":
        raise ValueError("--compact: flat shards hold plain tokens, to be mapped into memory")
    corpus = open_corpus(args.corpus, args.model)
    out = Path(args.out)
    if os.path.realpath(out) == os.path.realpath(args.corpus):
        raise ValueError(f"{out}: is the corpus itself; choose another --out")
    coder = entropy.load(args.model or corpus.plan.settings.model) if args.compact else None
    if args.format == "atok":
        count = sum(1 for _ in exporting.to_files(corpus, out, coder))
    else:
        count = sum(shard.clips for shard in exporting.to_corpus(corpus, out, args.format, coder))
    print(f"{out}: {count} clips")
    return 0
