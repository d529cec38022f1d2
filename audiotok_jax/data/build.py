"""Builds a TFDS dataset from any audio; neither this nor reading it needs TensorFlow."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import grain
import numpy as np
import pyarrow
import pyarrow.parquet
import tensorflow_datasets as tfds
from numpy.typing import NDArray

from audiotok_jax.audio import AudioError
from audiotok_jax.data.clips import SAMPLE_RATE, Clip, Skipped
from audiotok_jax.data.datasets import INDEX, index_path
from audiotok_jax.data.sources import Clips
from audiotok_jax.files import replacing_folder

VERSION = "1.0.0"
SHARD_HOURS = 2.0
"""Approximate audio per shard: 230 MB before compression."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CHUNK = 256  # records between two updates of the metadata of TFDS


class Built(NamedTuple):
    """The clips that were written and those that were left out."""

    clips: int
    seconds: float
    skipped: list[Skipped]


def destination(name: str, data_dir: str | None, split: str, force: bool) -> Path:
    """The folder for a new dataset in `data_dir`, by default that of TFDS.

    Raises:
        ValueError: a name is not of lower-case letters, digits and "_", or the dataset exists and
            must not be replaced.
    """
    for text in (name, split):
        if not _NAME.fullmatch(text):
            raise ValueError(f"{text!r}: a name is of lower-case letters, digits and _")
    folder = Path(data_dir or tfds.core.constants.DATA_DIR).expanduser() / name / VERSION
    if folder.exists() and not force:
        raise ValueError(f"{folder} exists; --force replaces it")
    return folder


def build(
    clips: Clips,
    folder: Path,
    split: str = "train",
    advance: Callable[[float, int], None] = lambda seconds, clips: None,
) -> Built:
    """Writes clips as a TFDS dataset in shards of the format array_record.

    A record has the features `audio`, int16 (samples,), 16 kHz, mono; `sample_rate`; `path`, the
    name in the source; `start`, in samples, of a part of a long file; `corpus`, `speaker` and
    `language`, "" if unknown. The order is that of `clips`. The folder also gets
    `clips-SPLIT.parquet`, a table of all records without their audio, and, if any file is left out,
    `skipped.jsonl`, with a line for each.

    Args:
        clips: at 16 kHz.
        folder: `DATA_DIR/NAME/1.0.0`, see `destination`; replaced if it exists.
        split: name of the only split.
        advance: called with the seconds and the number of clips done since its last call.

    Raises:
        ValueError: no clip can be read.
        OSError: a file cannot be read or written.
    """
    if clips.sample_rate != SAMPLE_RATE:
        raise ValueError(f"clips must be at {SAMPLE_RATE} Hz, not {clips.sample_rate}")
    skipped = list(clips.skipped)
    written: list[Clip] = []
    with replacing_folder(folder) as temporary:
        shards = math.ceil(clips.seconds / 3600 / SHARD_HOURS)
        writer = _writer(temporary, folder.parent.name, math.ceil(len(clips) / shards))
        writer.initialize_splits([split])
        records = []
        for clip, wave in zip(clips, _decoded(clips), strict=True):
            if isinstance(wave, Skipped):
                skipped.append(wave)
            else:
                records.append(_record(clip, wave))
                written.append(clip._replace(num_samples=len(wave)))
            if len(records) == _CHUNK:
                writer.add_examples({split: records})
                records = []
            advance(clip.seconds, 1)
        if not written:
            path, reason = skipped[-1]
            raise ValueError(f"none of {len(clips)} clips can be read; {path}: {reason}")
        writer.add_examples({split: records})
        writer.close_all()
        rows = [{**clip._asdict(), "columns": list(clip.columns.items())} for clip in written]
        table = pyarrow.Table.from_pylist(rows, INDEX)
        pyarrow.parquet.write_table(table, index_path(temporary, split))
        if skipped:
            lines = [json.dumps(one._asdict()) + "\n" for one in skipped]
            (temporary / "skipped.jsonl").write_text("".join(lines))
    seconds = sum(clip.num_samples for clip in written) / SAMPLE_RATE
    return Built(len(written), seconds, skipped)


class _Decoder:
    """The samples of clips by number, or the reason why a clip is skipped."""

    def __init__(self, clips: Clips):
        self._clips = clips

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, number: int) -> NDArray[np.int16] | Skipped:
        try:
            return self._clips.read(number)
        except AudioError as error:
            return Skipped.because(self._clips[number].path, error)


def _decoded(clips: Clips) -> Any:
    """The samples of all clips in order, read ahead."""
    threads = os.cpu_count() or 1
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=4 * threads)
    return iter(grain.MapDataset.source(_Decoder(clips)).to_iter_dataset(options))


def _writer(folder: Path, name: str, records: int) -> Any:
    """A writer of shards with `records` records each, in the order in which they are added."""
    features = tfds.features.FeaturesDict(
        {
            # As bytes: TFDS would otherwise write each sample as a varint of up to ten bytes.
            "audio": tfds.features.Tensor(shape=(None,), dtype=np.int16, encoding="bytes"),
            "sample_rate": tfds.features.Scalar(np.int32),
            "start": tfds.features.Scalar(np.int64),
            **{field: tfds.features.Text() for field in ("path", "corpus", "speaker", "language")},
        }
    )
    identity = tfds.core.dataset_info.DatasetIdentity(
        name=name, version=tfds.core.Version(VERSION), data_dir=str(folder), module_name=__name__
    )
    info = tfds.core.DatasetInfo(
        builder=identity,
        features=features,
        description="Speech, mono, int16. Built by `audiotok data build`.",
        disable_shuffling=True,
    )
    return tfds.core.SequentialWriter(info, records, file_format="array_record")


def _record(clip: Clip, wave: NDArray[np.int16]) -> dict[str, Any]:
    return {
        "audio": wave,
        "sample_rate": SAMPLE_RATE,
        "start": clip.start,
        "path": clip.name,
        "corpus": clip.corpus,
        "speaker": clip.speaker,
        "language": clip.language,
    }
