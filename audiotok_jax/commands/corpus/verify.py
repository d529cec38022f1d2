"""Check a corpus against its checksums and its model.

Compares the files of all shards with their checksums, and the tokens of some clips bit for bit with
those that the model gives for their audio.
"""

from __future__ import annotations

import argparse
import warnings

from audiotok_jax.commands import _options as options
from audiotok_jax.commands.corpus import add_corpus, load_tokenizer
from audiotok_jax.terminal import tell

EXAMPLES = ("audiotok corpus verify tokens/ --sample 100",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_corpus(parser, "OUT")
    parser.add_argument(
        "--sample",
        type=options.non_negative,
        default=20,
        metavar="N",
        help="encode N clips again, drawn at random; default: %(default)s",
    )
    options.add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Checks files, then tokens, and prints a line for each fault; returns 1 if there is one."""
    from audiotok_jax import corpus
    from audiotok_jax.corpus import verify

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unfinished corpus is reported below
        found = corpus.open(args.corpus, args.model)
    wrong = list(verify.check_files(found))
    for line in wrong:
        tell(line)
    if wrong or not args.sample:
        print(f"{args.corpus}: {len(found.done)} shards checked, {len(wrong)} things wrong")
        return int(bool(wrong))
    tokenizer = load_tokenizer(args, found)
    results = list(verify.check_tokens(found, tokenizer, args.sample))
    wrong = [result for result in results if result is not None]
    for line in wrong:
        tell(line)
    print(
        f"{args.corpus}: {len(found.done)} shards and {len(found)} clips are whole; {len(results)} "
        f"clips encoded again, {len(wrong)} differ"
    )
    return int(bool(wrong))
