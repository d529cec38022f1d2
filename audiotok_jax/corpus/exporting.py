"""Exports a corpus to another format, or to one token file per clip."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from audiotok_jax import entropy, files, tokenfile
from audiotok_jax.corpus import reports, shards
from audiotok_jax.corpus.engines import Done
from audiotok_jax.corpus.formats import Layout
from audiotok_jax.corpus.formats.layout import token_file
from audiotok_jax.corpus.inputs import as_text
from audiotok_jax.corpus.lock import Lock
from audiotok_jax.corpus.names import names
from audiotok_jax.corpus.plan import PLAN, Plan, Shard
from audiotok_jax.corpus.reading import Corpus
from audiotok_jax.corpus.shards import Receipt

NAMES, SUFFIX = "names.jsonl", ".atok"


def to_corpus(
    corpus: Corpus, out: Path, form: str, coder: entropy.Coder | None
) -> Generator[Done | Receipt, None, None]:
    """Writes a corpus of the same clips to a folder, which is made; existing shards are kept.

    Args:
        corpus: to read.
        out: folder of the new one.
        form: one of `formats.SHARDS`.
        coder: makes tokens compact; None writes them plain.

    Yields:
        Each clip that was written, and the receipt of each shard.

    Raises:
        ValueError: there is another corpus in `out`, or a shard is damaged.
        OSError: it cannot be written, or another process writes it.
    """
    prior = coder.prior.id if coder else ""
    settings = replace(corpus.plan.settings, format=form, compact=coder is not None, prior=prior)
    out.mkdir(parents=True, exist_ok=True)
    (out / shards.FOLDER).mkdir(exist_ok=True)
    with Lock(out) as lock:
        with lock.planning():
            if not (out / PLAN).exists():
                clips = [
                    one for shard in corpus.plan.shards for one in corpus.plan.originals(shard)
                ]
                Plan.write(out, settings, clips)
            plan = Plan.read(out)
        if plan.settings != settings:
            raise ValueError(f"{out}: another corpus is there; choose another --out")
        with lock.making(plan.shards):
            shards.clean(plan, plan.shards)
            layout = Layout(settings.about, plan.columns, coder)
            for part, (shard, receipt) in enumerate(corpus.done):
                made = shards.receipt(plan, shard)
                if made is None:
                    yield from shards.write(
                        plan, shard, layout, _clips(corpus, part, shard, receipt)
                    )
                else:
                    yield made
        with lock.planning():
            reports.write(plan)


def to_files(
    corpus: Corpus, out: Path, coder: entropy.Coder | None
) -> Iterator[Path | shards.Failure]:
    """Writes a token file for each clip, replacing existing ones.

    The file is OUT/ID.atok, or has the name that `names.names` gives if the id is not valid as one;
    OUT/names.jsonl lists those, a line with `id` and `file` for each. OUT/errors.jsonl has a line
    for each clip without a file, including those without tokens.

    Yields:
        The path of each file, or the failure of a clip that has tokens.

    Raises:
        ValueError: another corpus is there, or the plan is damaged.
        OSError: it cannot be written.
    """
    if (out / PLAN).exists():
        raise ValueError(f"{out}: a corpus is there; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    clips = [one for part in range(len(corpus.done)) for one in corpus.encoded(part)]
    places = names((one.id for one in clips), SUFFIX)
    failures = [error for _, receipt in corpus.done for error in receipt.errors]
    seen: set[str] = set()
    for number, clip in enumerate(clips):
        try:
            if clip.id in seen:
                raise ValueError("another clip has this id, too")
            seen.add(clip.id)
            entry = corpus[number]
            if entry.id != clip.id:
                raise ValueError(f"the clip {entry.id!r} is in its place")
            path = inside(out, places[clip.id])
            path.parent.mkdir(parents=True, exist_ok=True)
            tokenfile.write(path, token_file(entry, corpus.plan.settings.about), coder)
            yield path
        except entropy.UnknownPriorError:
            raise
        except (ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno in files.FULL:
                raise
            failures.append(shards.Failure(clip.id, as_text(clip.path), str(error)))
            yield failures[-1]
    _write_lines(out / reports.ERRORS, map(asdict, failures))
    _write_lines(
        out / NAMES,
        ({"id": one, "file": file} for one, file in places.items() if file != f"{one}{SUFFIX}"),
    )


def inside(folder: Path, name: str) -> Path:
    """The path of a file in a folder; ValueError if a link leads out of it."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{path}: a link leads out of {folder}")
    return path


def _write_lines(path: Path, rows: Iterable[dict[str, str]]) -> None:
    files.write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _clips(corpus: Corpus, part: int, shard: Shard, receipt: Receipt) -> Iterator[Done]:
    """The results for the clips of a shard, as an engine would give them."""
    reasons = {error.id: error.reason for error in receipt.errors}
    entries = (corpus[int(n)] for n in range(corpus.starts[part], corpus.starts[part + 1]))
    for number, original in enumerate(corpus.plan.originals(shard), shard.first):
        if original.id in reasons:
            yield Done(number, np.zeros(0, np.uint16), 0, reasons[original.id])
        else:
            entry = next(entries, None)
            if entry is None or entry.id != original.id:
                raise ValueError(
                    f"{corpus.plan.out}: shard {shard.name} has other clips than the plan"
                )
            yield Done(number, entry.tokens, entry.num_samples, "")
