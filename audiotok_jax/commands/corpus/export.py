"""Write a corpus in another format.

Writes the same clips as a corpus of another format; as one file OUT/ID.atok each (ids that are not
valid paths get other names, listed in OUT/names.jsonl); or for language models, as a folder of rows
with a card:

  hf          Parquet that datasets.load_dataset(OUT) opens, tokens as integers
  jsonl       an object for each clip, tokens as one string of names: <|s_12|><|s_3456|>
  webdataset  tars of KEY.json and KEY.tokens.npy, tokens as integers

An export that was interrupted continues where it stopped; with atok, files are replaced.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from audiotok_jax import formats, signals
from audiotok_jax.commands import _options as options
from audiotok_jax.commands.corpus import add_corpus, open_corpus, refuse_compact_flat
from audiotok_jax.commands.corpus._progress import showing
from audiotok_jax.terminal import tell

if TYPE_CHECKING:
    from audiotok_jax import entropy
    from audiotok_jax.corpus import Corpus
    from audiotok_jax.corpus.engines import Done
    from audiotok_jax.corpus.shards import Receipt

EXAMPLES = (
    "audiotok corpus export tokens/ --format flat --out flat/",
    "audiotok corpus export tokens/ --format atok --compact --out files/",
    "audiotok corpus export tokens/ --format hf --out hf/",
    "audiotok corpus export tokens/ --format hf --offset 1000 --begin 998 --end 999 --out ids/",
    "audiotok corpus export tokens/ --format jsonl --begin '<|SPEECH_GENERATION_START|>' "
    "--end '<|SPEECH_GENERATION_END|>' --out jsonl/",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_corpus(parser)
    options.add_folder(parser, "a folder", "OUT")
    parser.add_argument(
        "--format",
        required=True,
        choices=(*formats.SHARDS, "atok", *formats.ROWS),
        help="of the shards; atok is a file for each clip",
    )
    options.add_compact(parser)
    rows = parser.add_argument_group(f"how {', '.join(formats.ROWS)} spell tokens")
    rows.add_argument(
        "--offset",
        type=options.non_negative,
        metavar="N",
        help="write token t as t + N, after the N ids of a text vocabulary; default: 0",
    )
    for name, verb in (("begin", "begins"), ("end", "ends")):
        rows.add_argument(
            f"--{name}",
            type=_special,
            metavar="ID_OR_NAME",
            help=f"what {verb} each clip: an id below --offset, in jsonl a name; default: nothing",
        )
    options.add_model(parser)


def _special(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() else text


def run(args: argparse.Namespace) -> int:
    """Writes shards or files; returns 1 if a clip has no file."""
    refuse_compact_flat(args)
    if args.compact and args.format in formats.ROWS:
        raise ValueError(f"--compact: {args.format} holds plain tokens, for language models")
    spelled = [name for name in ("offset", "begin", "end") if getattr(args, name) is not None]
    if spelled and args.format not in formats.ROWS:
        raise ValueError(f"--{spelled[0]}: is for {', '.join(formats.ROWS)}, not {args.format}")

    from audiotok_jax import entropy
    from audiotok_jax.corpus import exporting, language_models

    corpus = open_corpus(args.corpus, args.model)
    out = Path(args.out)
    if os.path.realpath(out) == os.path.realpath(args.corpus):
        raise ValueError(f"{out}: is the corpus itself; choose another --out")
    if args.format in formats.ROWS:
        spelling = language_models.Spelling(args.offset or 0, args.begin, args.end)
        _show(corpus, language_models.export(corpus, out, args.format, spelling))
        print(f"{out}: {len(corpus)} clips")
        return 0
    coder = entropy.load(args.model or corpus.plan.settings.model) if args.compact else None
    if args.format == "atok":
        return _write_files(corpus, out, coder)
    _show(corpus, exporting.to_corpus(corpus, out, args.format, coder))
    print(f"{out}: {len(corpus)} clips")
    return 0


def _show(corpus: Corpus, events: Generator[Done | Receipt, None, None]) -> None:
    """Runs an export and shows its progress."""
    shards = [shard for shard, _ in corpus.done]
    with closing(events), showing(len(shards), shards, corpus.plan.settings.sample_rate) as show:
        for event in events:
            show(event)
            signals.check()


def _write_files(corpus: Corpus, out: Path, coder: entropy.Coder | None) -> int:
    from audiotok_jax.corpus import exporting
    from audiotok_jax.corpus.reports import ERRORS
    from audiotok_jax.corpus.shards import Failure

    made = list(exporting.to_files(corpus, out, coder))
    failed = sum(isinstance(one, Failure) for one in made)
    if failed:
        tell(f"{failed} clips have no file; {out / ERRORS} says why")
    print(f"{out}: {len(made) - failed} clips")
    return int(bool(failed))
