"""`audiotok corpus decode`: clips of a corpus to audio files."""

from __future__ import annotations

import argparse
import os
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from audiotok_jax import audio
from audiotok_jax.commands.corpus.opening import open_corpus
from audiotok_jax.corpus.exporting import inside
from audiotok_jax.corpus.names import names
from audiotok_jax.jobs import printable
from audiotok_jax.tokenfile import OtherModelError
from audiotok_jax.tokenizer import AudioTokenizer


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    corpus = open_corpus(args.corpus, args.model)
    settings = corpus.plan.settings
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
    tokenizer = AudioTokenizer.from_pretrained(args.model or settings.model)
    if tokenizer.model_id != settings.model_id:
        raise OtherModelError(
            f"{args.corpus}: made by model {settings.model_id}, but this is model "
            f"{tokenizer.model_id}; name the one that made it with --model"
        )
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
