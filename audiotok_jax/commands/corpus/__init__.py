"""Make a corpus of tokens, check it and read it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audiotok_jax.corpus import Corpus
    from audiotok_jax.tokenizer import AudioTokenizer

EXAMPLES = (
    "audiotok corpus run speech/ --out tokens/",
    "audiotok corpus verify tokens/ --sample 100",
)


def add_corpus(parser: argparse.ArgumentParser, metavar: str = "CORPUS") -> None:
    """Adds the corpus to read."""
    parser.add_argument("corpus", metavar=metavar, help="a corpus that `corpus run` made")


def refuse_compact_flat(args: argparse.Namespace) -> None:
    """Raises ValueError for compact tokens in flat shards."""
    if args.compact and args.format == "flat":
        raise ValueError("--compact: flat shards hold plain tokens, to be mapped into memory")


def open_corpus(path: str, model: str | None = None) -> Corpus:
    """Opens a corpus; an unfinished one is reported on standard error."""
    import warnings

    from audiotok_jax.corpus import Corpus
    from audiotok_jax.terminal import tell

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        corpus = Corpus(path, model)
    for warning in caught:
        tell(str(warning.message))
    return corpus


def load_tokenizer(args: argparse.Namespace, corpus: Corpus) -> AudioTokenizer:
    """The model named by `--model`, or else the one that made the corpus.

    Raises:
        OtherModelError: the named model did not make the corpus.
    """
    from audiotok_jax.tokenfile import OtherModelError
    from audiotok_jax.tokenizer import AudioTokenizer

    settings = corpus.plan.settings
    tokenizer = AudioTokenizer.from_pretrained(args.model or settings.model)
    if tokenizer.model_id != settings.model_id:
        raise OtherModelError(
            f"{args.corpus}: made by model {settings.model_id}, but this is model "
            f"{tokenizer.model_id}; name the one that made it with --model"
        )
    return tokenizer
