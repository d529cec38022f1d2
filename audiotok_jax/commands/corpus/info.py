"""Describe a corpus, finished or not."""

from __future__ import annotations

import argparse

from audiotok_jax.commands.corpus import add_corpus, open_corpus
from audiotok_jax.terminal import printable

EXAMPLES = ("audiotok corpus info tokens/",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_corpus(parser)


def run(args: argparse.Namespace) -> int:
    """Prints sums over the receipts of the shards; returns 0."""
    corpus = open_corpus(args.corpus)
    settings = corpus.plan.settings
    receipts = [receipt for _, receipt in corpus.done]
    tokens = corpus.num_tokens
    size = sum(file.bytes for receipt in receipts for file in receipt.files)
    hours = sum(receipt.samples for receipt in receipts) / settings.sample_rate / 3600
    each = f", {8 * size / tokens:.2f} bits per token" if tokens else ""
    compact = ", compact" if settings.compact else ""
    rate = settings.sample_rate / settings.hop_length
    print(printable(args.corpus))
    print(f"  model        {settings.model_id}, {printable(settings.model)}")
    print(f"  tokens       {tokens}, {rate:g} a second, of {settings.bits} bits")
    print(f"  speech       {hours:.2f} h at {settings.sample_rate} Hz")
    print(f"  clips        {len(corpus)} of {corpus.plan.num_clips}")
    print(f"  unreadable   {sum(len(receipt.errors) for receipt in receipts)}")
    print(f"  shards       {len(receipts)} of {len(corpus.plan.shards)}")
    print(f"  format       {settings.format}{compact}, {size} bytes{each}")
    print(f"  columns      {printable(', '.join(corpus.plan.columns)) or 'none'}")
    print(f"  inputs       {printable(', '.join(settings.inputs))}")
    return 0
