"""Corpora of tokens: planned, written in shards, resumed, verified and read.

Example:
    corpus = audiotok_jax.corpus.open("tokens/")
    corpus[0].tokens, corpus.find("a/b.flac").path, len(corpus)
    grain.MapDataset.source(Packed(corpus, 1024)).shuffle(seed=0).batch(8)
"""

from audiotok_jax import extras

extras.need("corpus", "array_record", "fsspec", "pyarrow")

from audiotok_jax.corpus.formats import Entry
from audiotok_jax.corpus.reading import Corpus
from audiotok_jax.corpus.sequences import Packed, Padded, Vocabulary

__all__ = ["Corpus", "Entry", "Packed", "Padded", "Vocabulary", "open"]

open = Corpus
"""Opens a corpus: see `Corpus.__init__`."""
