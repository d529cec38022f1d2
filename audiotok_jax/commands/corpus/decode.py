"""Decode clips of a corpus to speech."""

from __future__ import annotations

import argparse
import os
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from audiotok_jax import formats
from audiotok_jax.commands import _options as options
from audiotok_jax.commands.corpus import add_corpus, load_tokenizer, open_corpus
from audiotok_jax.terminal import printable

EXAMPLES = ("audiotok corpus decode tokens/ en/a.flac en/b.flac --out speech/",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_corpus(parser)
    parser.add_argument("ids", nargs="+", metavar="ID", help="ids of clips")
    options.add_folder(parser, "a folder; ids become file names")
    parser.add_argument(
        "--suffix",
        choices=tuple(formats.AUDIO_WRITTEN),
        default=".wav",
        help="default: %(default)s",
    )
    options.add_model(parser)
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Writes an audio file for each id and prints its path; returns 0."""
    from audiotok_jax import audio
    from audiotok_jax.corpus.exporting import inside
    from audiotok_jax.corpus.names import names

    corpus = open_corpus(args.corpus, args.model)
    entries = []
    for name in dict.fromkeys(args.ids):
        try:
            entries.append(corpus.find(name))
        except KeyError:
            raise ValueError(f"{args.corpus}: there is no clip with the id {name!r}") from None
    places = names((entry.id for entry in entries), args.suffix)
    targets = [inside(Path(args.out), places[entry.id]) for entry in entries]
    for target in targets:
        if os.path.lexists(target) and not args.force:
            raise ValueError(f"{target} exists; --force replaces it")
    tokenizer = load_tokenizer(args, corpus)
    clips = tokenizer.decode_clips([entry.tokens] for entry in entries)
    for clip, pieces in groupby(clips, itemgetter(0)):
        rest = entries[clip].num_samples
        targets[clip].parent.mkdir(parents=True, exist_ok=True)
        with audio.Writer(targets[clip], tokenizer.sample_rate) as writer:
            for _, piece in pieces:
                writer.write(piece[:rest])
                rest -= len(piece[:rest])
        print(printable(str(targets[clip])))
    return 0
