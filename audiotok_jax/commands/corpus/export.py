"""Write a corpus in another format.

Writes the same clips as a corpus of another format, or as OUT/ID.atok each; an id that is no good
as a path gets another one, which OUT/names.jsonl tells. Stopped and started again, a corpus is gone
on with where it was.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from audiotok_jax import formats
from audiotok_jax.commands import _options as options
from audiotok_jax.commands.corpus import add_corpus, open_corpus, refuse_compact_flat
from audiotok_jax.terminal import tell

EXAMPLES = (
    "audiotok corpus export tokens/ --format flat --out flat/",
    "audiotok corpus export tokens/ --format atok --compact --out files/",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `audiotok corpus export`."""
    add_corpus(parser)
    parser.add_argument(
        "-o", "--out", type=options.path, required=True, metavar="OUT", help="a folder"
    )
    parser.add_argument(
        "--format",
        required=True,
        choices=(*formats.SHARDS, "atok"),
        help="of the shards; atok is a file for each clip",
    )
    options.add_compact(parser)
    options.add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the shards or files; returns 1 if a clip has no file."""
    refuse_compact_flat(args)

    from audiotok_jax import entropy
    from audiotok_jax.corpus import exporting
    from audiotok_jax.corpus.reports import ERRORS
    from audiotok_jax.corpus.shards import Failure

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
