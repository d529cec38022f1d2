"""Writes shards, each followed by its receipt, which marks it as done.

The files of a shard get their names when they are complete, synced to the disk, and checksummed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiotok_jax.corpus import inputs, records
from audiotok_jax.corpus.counts import Counts
from audiotok_jax.corpus.engines import Done
from audiotok_jax.corpus.formats import Entry, Layout, writer
from audiotok_jax.corpus.plan import Plan, Shard
from audiotok_jax.files import sha256, standing_in
from audiotok_jax.formats import SHARDS

FOLDER = "shards"


@dataclass(frozen=True)
class File:
    """A file of a shard: its name, its size in bytes and its SHA-256 in hexadecimal digits."""

    name: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"{self.sha256!r} is no SHA-256")


@dataclass(frozen=True)
class Failure:
    """A clip without tokens: its id, its path and the reason."""

    id: str
    path: str
    reason: str


@dataclass(frozen=True)
class Receipt:
    """Contents of a finished shard.

    Attributes:
        clips: number of clips with tokens.
        tokens: number of tokens of all clips.
        samples: of their speech, at the rate of the model.
        errors: clips without tokens.
        counts: see `Counts.to_json`.
    """

    files: tuple[File, ...]
    clips: int
    tokens: int
    samples: int
    errors: tuple[Failure, ...]
    counts: dict[str, Any]


def is_done(plan: Plan, shard: Shard) -> bool:
    """Whether a shard has a receipt."""
    return _receipt_path(plan, shard).exists()


def receipt(plan: Plan, shard: Shard) -> Receipt | None:
    """The receipt of a shard; None if it is not done.

    Raises:
        ValueError: it is damaged.
    """
    path = _receipt_path(plan, shard)
    try:
        found = records.read(Receipt, path)
        if [file.name for file in found.files] != [file.name for file in files(plan, shard)]:
            raise ValueError("it names other files than the shard has")
        if found.clips + len(found.errors) != shard.clips:
            raise ValueError("it has another number of clips than the plan")
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path}: damaged, remove it to make the shard again: {error}") from None
    return found


def files(plan: Plan, shard: Shard) -> list[Path]:
    """The files of a shard, beside its receipt."""
    suffixes = SHARDS[plan.settings.format]
    return [plan.out / FOLDER / f"{shard.name}{suffix}" for suffix in suffixes]


def paths(plan: Plan, shard: Shard) -> list[Path]:
    """The files of a shard and its receipt."""
    return [*files(plan, shard), _receipt_path(plan, shard)]


def clean(plan: Plan, shards: Iterable[Shard]) -> None:
    """Removes unfinished files of shards."""
    names = {shard.name for shard in shards}
    for path in (plan.out / FOLDER).glob(".*.tmp"):
        if path.name.split(".")[1] in names:
            path.unlink()


def write(
    plan: Plan, shard: Shard, layout: Layout, clips: Iterator[Done]
) -> Iterator[Done | Receipt]:
    """Writes a shard of a plan from results, of which it consumes those for its clips.

    Yields:
        Each of these results once it is written, and finally the receipt.

    Raises:
        OSError: it cannot be written; nothing half-written remains.
    """
    originals = plan.originals(shard)
    targets = files(plan, shard)
    errors = []
    counts = Counts(plan.settings.bits)
    samples, rate = 0, plan.settings.sample_rate
    with _temporary(targets) as places:
        with writer(plan.settings.format)(places, layout) as file:
            for number, original in enumerate(originals, shard.first):
                done = next(clips)
                if done.clip != number:
                    raise RuntimeError(f"clip {done.clip} came in place of clip {number}")
                path = inputs.as_text(original.path)
                if done.error:
                    errors.append(Failure(original.id, path, done.error))
                else:
                    counts.add(done.tokens)
                    samples += done.num_samples
                    columns = plan.columns_of(original)
                    file.add(Entry(original.id, path, rate, done.num_samples, done.tokens, columns))
                yield done
        about = tuple(
            _checksummed(place, target.name) for place, target in zip(places, targets, strict=True)
        )
    clips_done, tokens = len(originals) - len(errors), int(counts.tokens.sum())
    made = Receipt(about, clips_done, tokens, samples, tuple(errors), counts.to_json())
    with _temporary([_receipt_path(plan, shard)]) as [place]:
        place.write_text(records.text(made), encoding="utf-8")
        _sync(place)
    yield made


def _checksummed(path: Path, name: str) -> File:
    """The entry of a file in a receipt; syncs the file to the disk."""
    _sync(path)
    return File(name, path.stat().st_size, sha256(path))


def _sync(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _temporary(targets: Sequence[Path]) -> Iterator[list[Path]]:
    """Yields temporary paths, whose files are renamed to `targets` if the block succeeds.

    Unlike those of `files.replacing`, they contain the name of the shard: `clean` removes them.
    """
    with ExitStack() as stack:
        places = [
            stack.enter_context(standing_in(target, target.with_name(f".{target.name}.tmp")))
            for target in targets
        ]
        yield places
        for place, target in zip(places, targets, strict=True):
            os.replace(place, target)


def _receipt_path(plan: Plan, shard: Shard) -> Path:
    return plan.out / FOLDER / f"{shard.name}.json"
