"""The plan of a corpus: the assignment of clips to shards, fixed before any work is done.

`plan.json` holds the settings and the list of shards; `plan.parquet` has a row for each clip and a
row group for each shard, so that the clips of a single shard can be read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow
import pyarrow.parquet

from audiotok_jax import audio, files, provenance
from audiotok_jax.corpus import records
from audiotok_jax.corpus.inputs import Original, as_text
from audiotok_jax.data.audio_files import WHOLE, Span
from audiotok_jax.formats import CORPUS as PLAN
from audiotok_jax.formats import SHARDS

if TYPE_CHECKING:  # processes that decode audio need no JAX
    from audiotok_jax.pretrained import Model

CLIPS = "plan.parquet"
LAYOUT = 1
"""Version of the layout of a corpus on disk."""

RESERVED = ("id", "path", "sample_rate", "num_samples", "tokens", "coded", "offset", "num_tokens")
"""Columns of the shards; an input column with such a name is prefixed with `input_`."""

_SCHEMA = pyarrow.schema(
    {
        "id": pyarrow.string(),
        "path": pyarrow.binary(),  # a path need not be valid text
        "columns": pyarrow.map_(pyarrow.string(), pyarrow.string()),
        "container": pyarrow.binary(),
        "offset": pyarrow.int64(),
        "size": pyarrow.int64(),
        "fault": pyarrow.string(),
        "span": pyarrow.struct(
            {"start": pyarrow.float64(), "seconds": pyarrow.float64(), "channel": pyarrow.int32()}
        ),
    }
)


@dataclass(frozen=True)
class Settings:
    """The settings that determine the bytes of a corpus.

    Attributes:
        inputs: their locations, see `inputs.absolute`.
        clips: digest of all clips in them.
        version: of this package.
        model: name or folder of the model when the plan was made.
        model_id, sample_rate, hop_length, bits: of the model, see `TokenFile`.
        format: one of `formats.SHARDS`.
        compact: whether tokens are entropy-coded.
        prior: `Prior.id` of their entropy coder, or "".
        shard_clips: clips per shard.
        channel, truncated: see `audio.stream`.
    """

    inputs: tuple[str, ...]
    clips: str
    version: str
    model: str
    model_id: str
    sample_rate: int
    hop_length: int
    bits: int
    format: str
    compact: bool
    prior: str
    shard_clips: int
    channel: str = audio.MIX
    truncated: str = audio.REFUSE

    @classmethod
    def of(cls, loaded: Model, **others: Any) -> Self:
        """The settings of a corpus by a model, without `clips`, which `make.prepare` adds."""
        return cls(
            clips="",
            version=provenance.version("audiotok_jax") or "unknown",
            model_id=loaded.model_id,
            sample_rate=loaded.config.sample_rate,
            hop_length=loaded.config.hop_length,
            bits=loaded.config.bits,
            **others,
        )

    @property
    def reading(self) -> audio.Reading:
        """How audio is read."""
        return audio.Reading(self.channel, self.truncated)

    def __post_init__(self) -> None:
        if self.format not in SHARDS:
            raise ValueError(f"no format {self.format!r}; there are {', '.join(SHARDS)}")
        if not 1 <= self.bits <= 16:
            raise ValueError(f"bits must lie in 1..16, not {self.bits}")
        for name in ("sample_rate", "hop_length", "shard_clips"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def about(self) -> dict[str, Any]:
        """Metadata of the tokens in shards."""
        names = ("model_id", "sample_rate", "hop_length", "bits", "version")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Shard:
    """Consecutive clips of a plan.

    Attributes:
        name: of its files, its number in the plan, from 0, with leading zeros.
        first: number of its first clip in the plan.
        clips: number of clips.
    """

    name: str
    first: int
    clips: int

    @property
    def number(self) -> int:
        """Index in the plan."""
        return int(self.name)


@dataclass(frozen=True)
class _Written:
    """The content of plan.json."""

    layout: int
    settings: Settings
    columns: tuple[str, ...]
    shards: tuple[Shard, ...]

    def __post_init__(self) -> None:
        if self.layout != LAYOUT:
            raise ValueError(f"layout {self.layout} is not {LAYOUT}; update audiotok_jax")
        if sorted(set(self.columns)) != list(self.columns) or set(self.columns) & set(RESERVED):
            raise ValueError("columns must be sorted, and none of those that a corpus has itself")
        # Shards are fully determined, so that no name can lead to another folder.
        clips = sum(shard.clips for shard in self.shards)
        if not clips or self.shards != _cut(clips, self.settings.shard_clips):
            raise ValueError(f"shards are not those of {clips} clips")


@dataclass(frozen=True)
class Plan:
    """A plan on disk, in the folder `out`; `columns` are the names of the metadata of clips."""

    out: Path
    settings: Settings
    columns: tuple[str, ...]
    shards: tuple[Shard, ...]

    @classmethod
    def write(cls, out: Path, settings: Settings, clips: Sequence[Original]) -> Self:
        """Makes the plan for clips and writes it, plan.json last."""
        columns = sorted({_column(name) for clip in clips for name in clip.columns})
        size = settings.shard_clips
        shards = _cut(len(clips), size)
        with (
            files.replacing(out / CLIPS) as path,
            pyarrow.parquet.ParquetWriter(path, _SCHEMA, compression="zstd") as file,
        ):
            for start in range(0, len(clips), size):
                rows = [_row(clip) for clip in clips[start : start + size]]
                file.write_table(pyarrow.Table.from_pylist(rows, _SCHEMA), row_group_size=size)
        written = _Written(LAYOUT, settings, tuple(columns), shards)
        files.write(out / PLAN, records.text(written))
        return cls(out, settings, written.columns, shards)

    @classmethod
    def read(cls, out: str | os.PathLike[str]) -> Self:
        """Reads the plan of a corpus.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, or of another version of the layout.
        """
        path = Path(out) / PLAN
        if not path.exists():
            raise FileNotFoundError(f"{out}: is no corpus: there is no {PLAN}")
        try:
            found = records.read(_Written, path)
        except ValueError as error:
            raise ValueError(f"{path}: not the plan of a corpus: {error}") from None
        return cls(Path(out), found.settings, found.columns, found.shards)

    def part(self, number: int, count: int) -> tuple[Shard, ...]:
        """Part `number` of `count` parts of consecutive shards, of nearly equal size."""
        first, end = (len(self.shards) * n // count for n in (number, number + 1))
        return self.shards[first:end]

    @property
    def num_clips(self) -> int:
        """Number of clips in all shards."""
        return sum(shard.clips for shard in self.shards)

    def originals(self, shard: Shard) -> list[Original]:
        """The clips of a shard.

        Raises:
            ValueError: plan.parquet is damaged.
            OSError: it cannot be read.
        """
        path = self.out / CLIPS
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                rows = file.read_row_group(shard.number).to_pylist()
            if len(rows) != shard.clips:
                raise ValueError(f"shard {shard.name} has {len(rows)} clips, not {shard.clips}")
            return [_original(row) for row in rows]
        except (ValueError, TypeError, LookupError, OSError, pyarrow.ArrowException) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ValueError(f"{path}: damaged: {error}") from None

    def path_of(self, clip: int) -> str:
        """Path of the audio of a clip, by its number in the plan."""
        shard = self.shards[clip // self.settings.shard_clips]
        return as_text(self.originals(shard)[clip - shard.first].path)

    def columns_of(self, original: Original) -> dict[str, str]:
        """All columns of the corpus for a clip; "" for those that it lacks."""
        said = {_column(name): value for name, value in original.columns.items()}
        return {name: said.get(name, "") for name in self.columns}


def digest(clips: Iterable[Original]) -> str:
    """A hash of clips, 16 hexadecimal digits."""
    found = hashlib.sha256()
    for clip in clips:
        row = [*clip[:2], sorted(clip.columns.items()), *clip[3:-1]]
        if clip.span != WHOLE:  # plans from before there were parts have the same digest
            row += clip.span
        found.update(json.dumps(row).encode() + b"\n")
    return found.hexdigest()[:16]


def _cut(clips: int, size: int) -> tuple[Shard, ...]:
    """Divides clips into shards of `size`; the last one may be smaller."""
    starts = range(0, clips, size)
    width = max(5, len(str(len(starts) - 1)))
    return tuple(
        Shard(f"{number:0{width}}", start, min(size, clips - start))
        for number, start in enumerate(starts)
    )


def _column(name: str) -> str:
    return f"input_{name}" if name in RESERVED else name


def _row(clip: Original) -> dict[str, Any]:
    row = clip._asdict()
    row["path"], row["container"] = os.fsencode(clip.path), os.fsencode(clip.container)
    row["columns"], row["span"] = list(clip.columns.items()), clip.span._asdict()
    return row


def _original(row: dict[str, Any]) -> Original:
    row["path"], row["container"] = os.fsdecode(row["path"]), os.fsdecode(row["container"])
    row["columns"], row["span"] = dict(row["columns"]), Span(**row.get("span", {}))
    if row["offset"] < 0 or row["size"] < -1:
        raise ValueError(f"the clip {row['id']!r} has no such place in its file")
    return Original(**row)
