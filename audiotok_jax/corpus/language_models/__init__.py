"""Exports a corpus as training data for language models: a folder with a row for each clip.

    OUT/README.md               a card, with which `datasets.load_dataset(OUT)` opens the folder
    OUT/export.json             the same for programs: see `Record`
    OUT/data/00000.parquet ...  a shard for each shard of the corpus

Each of `formats.ROWS` is a module with `INTEGERS`, whether it writes tokens as integers;
`features`, the types of its columns for the card; `USAGE`, code that reads such a folder and
decodes a row, a format string for the fields of `Record`; and `Writer(path, layout)`, which writes
one shard: a context manager whose file is complete if its block succeeds. `Writer.add` appends a
clip: its number in the corpus, `Layout.row`, and its tokens, uint16 (T,).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from audiotok_jax import files
from audiotok_jax.corpus.engines import Done
from audiotok_jax.corpus.language_models import card, record
from audiotok_jax.corpus.language_models.layout import Layout, Spelling
from audiotok_jax.corpus.language_models.record import Record
from audiotok_jax.corpus.reading import Corpus
from audiotok_jax.corpus.shards import Receipt
from audiotok_jax.formats import ROWS

CARD, DATA = "README.md", "data"


def export(
    corpus: Corpus, out: Path, form: str, spelling: Spelling
) -> Generator[Done | Receipt, None, None]:
    """Writes a corpus as rows for language models to a folder, which is made.

    Existing shards are kept. `form` is one of `formats.ROWS`.

    Yields:
        Each clip that was written, and the receipt of each shard.

    Raises:
        ValueError: the format cannot hold such a spelling, something else is in `out`, or a shard
            of the corpus is damaged.
        OSError: it cannot be written.
    """
    settings = corpus.plan.settings
    module = import_module(f"{__name__}.{form}")
    layout = Layout(corpus.plan.columns, spelling, settings.bits)
    if module.INTEGERS:
        _ = spelling.vocabulary  # raises what the writers would, before anything is there
    about = Record.of(settings, form, spelling)
    found = record.read(out)
    if found is None and out.is_dir() and any(out.iterdir()):
        raise ValueError(f"{out}: is not empty, and no such export; choose another --out")
    if found not in (None, asdict(about)):
        raise ValueError(f"{out}: another export is there; choose another --out")
    (out / DATA).mkdir(parents=True, exist_ok=True)
    about.write(out)
    for part, (shard, receipt) in enumerate(corpus.done):
        path = out / DATA / f"{shard.name}{ROWS[form]}"
        if not path.exists():
            with files.replacing(path) as temporary, module.Writer(temporary, layout) as writer:
                for number in range(int(corpus.starts[part]), int(corpus.starts[part + 1])):
                    entry = corpus[number]
                    writer.add(number, layout.row(entry), entry.tokens)
                    yield Done(number, entry.tokens, entry.num_samples, "")
        yield receipt
    usage = module.USAGE.format(**asdict(about))
    shards = f"{DATA}/*{ROWS[form]}"
    files.write(
        out / CARD, card.text(about, _contents(corpus), shards, module.features(layout), usage)
    )


def _contents(corpus: Corpus) -> card.Contents:
    columns = [clip.columns for part in range(len(corpus.done)) for clip in corpus.encoded(part)]

    def said(*names: str) -> list[str]:
        return sorted({one[name] for one in columns for name in names if one.get(name)})

    receipts = [receipt for _, receipt in corpus.done]
    return card.Contents(
        clips=len(corpus),
        errors=sum(len(receipt.errors) for receipt in receipts),
        tokens=corpus.num_tokens,
        samples=sum(receipt.samples for receipt in receipts),
        licences=said("licence", "license"),
        languages=said("language"),
    )
