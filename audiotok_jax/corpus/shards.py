"""Writes a shard, and its receipt after it: what has a receipt is done.

The files of a shard get their names when they are whole, on the disk, and checksummed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audiotok_jax.corpus import inputs
from audiotok_jax.corpus.counts import Counts
from audiotok_jax.corpus.engines import Done
from audiotok_jax.corpus.entry import Entry
from audiotok_jax.corpus.formats import FORMATS, Layout
from audiotok_jax.corpus.plan import Plan, Shard
from audiotok_jax.files import standing_in

FOLDER = "shards"


@dataclass(frozen=True)
class Receipt:
    """What is in a shard that is done.

    Attributes:
        files: name, size in bytes and SHA-256 of each.
        clips: with tokens.
        tokens: of all clips.
        samples: of their speech, at the rate of the model.
        errors: id, path and reason of each clip without tokens.
        counts: as `Counts.to_json` gives them.
    """

    files: list[dict[str, Any]]
    clips: int
    tokens: int
    samples: int
    errors: list[dict[str, str]]
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
        return Receipt(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: damaged, remove it to make the shard again: {error}") from None


def files(plan: Plan, shard: Shard) -> list[Path]:
    """The files of a shard, beside its receipt."""
    suffixes = FORMATS[plan.settings.format].suffixes
    return [plan.out / FOLDER / f"{shard.name}{suffix}" for suffix in suffixes]


def clean(plan: Plan, shards: Iterable[Shard]) -> None:
    """Removes what was begun of shards, and not ended."""
    names = {shard.name for shard in shards}
    for path in (plan.out / FOLDER).glob(".*.tmp"):
        if path.name.split(".")[1] in names:
            path.unlink()


def write(
    plan: Plan, shard: Shard, layout: Layout, clips: Iterator[Done]
) -> Iterator[Done | Receipt]:
    """Writes a shard.

    Args:
        plan: of the corpus.
        shard: one of its shards.
        layout: of all shards.
        clips: what became of clips, of which those of the shard are taken.

    Yields:
        Each of these clips, once it is taken, and in the end the receipt.

    Raises:
        OSError: the disk does not take it; nothing half-written remains.
    """
    originals = plan.originals(shard)
    targets = files(plan, shard)
    errors = []
    counts = Counts(plan.settings.bits)
    samples, rate = 0, plan.settings.sample_rate
    with _temporary(targets) as places:
        with FORMATS[plan.settings.format].writer(places, layout) as writer:
            for number, original in enumerate(originals, shard.first):
                done = next(clips)
                if done.clip != number:
                    raise RuntimeError(f"clip {done.clip} came in place of clip {number}")
                path = inputs.as_text(original.path)
                if done.error:
                    errors.append({"id": original.id, "path": path, "reason": done.error})
                else:
                    counts.add(done.tokens)
                    samples += done.num_samples
                    columns = plan.columns_of(original)
                    writer.add(
                        Entry(original.id, path, rate, done.num_samples, done.tokens, columns)
                    )
                yield done
        about = [
            _checksummed(place, target.name) for place, target in zip(places, targets, strict=True)
        ]
    made = Receipt(
        about,
        len(originals) - len(errors),
        int(counts.tokens.sum()),
        samples,
        errors,
        counts.to_json(),
    )
    with _temporary([_receipt_path(plan, shard)]) as [place]:
        place.write_text(json.dumps(asdict(made), indent=1) + "\n", encoding="utf-8")
        _sync(place)
    yield made


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksummed(path: Path, name: str) -> dict[str, Any]:
    """What a receipt says of a file, which is now on the disk."""
    _sync(path)
    return {"name": name, "bytes": path.stat().st_size, "sha256": checksum(path)}


def _sync(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _temporary(targets: Sequence[Path]) -> Iterator[list[Path]]:
    """Gives other names for files, which get their own if the block ends well.

    Unlike those of `files.replacing`, they tell whose they are: `clean` removes them.
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
