"""`audiotok corpus export`: a corpus in another format."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from audiotok_jax import entropy
from audiotok_jax.commands.corpus.opening import open_corpus
from audiotok_jax.corpus import exporting
from audiotok_jax.corpus.reports import ERRORS
from audiotok_jax.corpus.shards import Failure
from audiotok_jax.jobs import tell


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
        made = list(exporting.to_files(corpus, out, coder))
        failed = sum(isinstance(one, Failure) for one in made)
        count = len(made) - failed
        if failed:
            tell(f"{failed} clips have no file; {out / ERRORS} says why")
    else:
        failed = 0
        count = sum(shard.clips for shard in exporting.to_corpus(corpus, out, args.format, coder))
    print(f"{out}: {count} clips")
    return int(bool(failed))
