"""Audio in TFDS datasets of the format array_record, read without TensorFlow."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import tensorflow_datasets as tfds
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.data import audio_files
from audiotok_jax.data.clips import SAMPLE_RATE, Clip, Skipped
from audiotok_jax.formats import DATASET

INDEX = pyarrow.schema(
    {
        "name": pyarrow.string(),
        "corpus": pyarrow.string(),
        "num_samples": pyarrow.int64(),
        "sample_rate": pyarrow.int32(),
        "start": pyarrow.int64(),
        "columns": pyarrow.map_(pyarrow.string(), pyarrow.string()),
    }
)
"""Schema of the table `clips-SPLIT.parquet` in a built dataset; see `Clip`."""

_LOCATION = re.compile(r"([^:]+(?::\d+\.\d+\.\d+)?)(?::(.+))?")


class Dataset:
    """The records of a TFDS dataset in their order; a `Source`."""

    def __init__(self, location: str, sample_rate: int):
        """Determines the lengths of the records.

        Datasets of `build` have a table of them; the records of other datasets are all read once.

        Args:
            location: `tfds:NAME[/CONFIG][:SPLIT]`, in the folder of the environment variable
                TFDS_DATA_DIR or else in `~/tensorflow_datasets`; or `tfds:FOLDER[:SPLIT]`, the
                folder of a version of a dataset, which must begin with `/`, `.` or `~`. SPLIT is
                `train` by default, and may be a slice or a sum in the syntax of TFDS, such as
                `train[:90%]`. The feature `audio` must be a `Tensor` of int16 or float32
                (samples,); `sample_rate`, `corpus`, `path`, `speaker` and `language` are optional.
            sample_rate: to read at, in Hz.

        Raises:
            ValueError: there is no such dataset or split, or it cannot be read without TensorFlow.
        """
        self._sample_rate = sample_rate
        self._location = location
        self.skipped: list[Skipped] = []
        _, self._split = _parts(location)
        records = open_records(location)
        found = list(self._indexed(records) or self._measured(records))
        self.clips = [clip for clip, _ in found]
        self._numbers = [number for _, number in found]

    def read(self, number: int, start: int, stop: int) -> NDArray[np.int16]:
        """See `Source`."""
        record = open_records(self._location)[self._numbers[number]]
        return _samples(record, self._sample_rate)[start:stop]

    def _indexed(self, records: Any) -> list[tuple[Clip, int]]:
        """Clips by the tables of `build`; empty if there are none."""
        info = records.dataset_info
        rows: list[dict[str, Any]] = []
        for part in tfds.core.ReadInstruction.from_spec(self._split).to_absolute(info.splits):
            table = index_path(Path(info.data_dir), part.splitname)
            if not table.exists():
                return []
            rows += pyarrow.parquet.read_table(table).to_pylist()[part.from_ : part.to]
        if len(rows) != len(records):
            raise ValueError(f"{self._location}: its table of clips is not of these records")
        return [
            (self._clip(audio_files.Length(SAMPLE_RATE, row.pop("num_samples")), **row), number)
            for number, row in enumerate(rows)
        ]

    def _measured(self, records: Any) -> Iterator[tuple[Clip, int]]:
        for number, record in enumerate(records):
            text = texts(record)
            name = text.pop("path", str(number))
            corpus = text.pop("corpus", records.dataset_info.name)
            try:
                wave = _samples(record, self._sample_rate)
                length = audio_files.Length(self._sample_rate, len(wave))
                audio_files.check_length(length)
            except audio.AudioError as error:
                self.skipped.append(Skipped.because(f"{self._location}/{name}", error))
                continue
            yield self._clip(length, name, corpus, rate_of(record), columns=text), number

    def _clip(
        self,
        length: audio_files.Length,
        name: str,
        corpus: str,
        sample_rate: int,
        start: int = 0,
        columns: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> Clip:
        samples = length.at(self._sample_rate)
        start = start * self._sample_rate // SAMPLE_RATE
        seconds, path = samples / self._sample_rate, f"{self._location}/{name}"
        return Clip(path, name, corpus, samples, seconds, sample_rate, start, dict(columns))


def index_path(folder: Path, split: str) -> Path:
    """Path of the table of the clips of a split in the folder of a built dataset."""
    return folder / f"clips-{split}.parquet"


@functools.cache  # for each process, as open files cannot be sent to another
def open_records(location: str) -> Any:
    """The records that `tfds:NAME[/CONFIG][:SPLIT]` names, a sequence; see `Dataset`.

    Raises:
        ValueError: there is no such dataset or split, or it cannot be read without TensorFlow.
    """
    name, split = _parts(location)
    try:
        if name.startswith(("/", ".", "~")):
            builder = tfds.builder_from_directory(Path(name).expanduser())
            records = builder.as_data_source(split)
        else:
            records = tfds.data_source(name, split=split, download=False)
    # TFDS asserts that a dataset exists, and imports TensorFlow where it needs it.
    except (ValueError, AssertionError, OSError, ImportError, NotImplementedError) as error:
        raise ValueError(f"{location}: {str(error).splitlines()[0]}") from None
    if "audio" not in records.dataset_info.features:
        raise ValueError(f"{location}: it has no feature 'audio'")
    return records


def texts(record: dict[str, Any]) -> dict[str, str]:
    """The features of a record that are text."""
    return {
        name: value.decode(errors="replace")
        for name, value in record.items()
        if isinstance(value, bytes)
    }


def _parts(location: str) -> tuple[str, str]:
    """The name, and the split."""
    match = _LOCATION.fullmatch(location.removeprefix(DATASET))
    if match is None:
        raise ValueError(f"{location}: must be {DATASET}NAME[/CONFIG][:SPLIT]")
    return match[1], match[2] or "train"


def rate_of(record: dict[str, Any]) -> int:
    """Sample rate of the audio of a record in Hz."""
    return int(record.get("sample_rate", SAMPLE_RATE))


def _samples(record: dict[str, Any], sample_rate: int) -> NDArray[np.int16]:
    wave: NDArray[np.int16] = record["audio"]
    if rate_of(record) == sample_rate and wave.dtype == np.int16:
        return wave
    chunks = audio.resample_stream([wave], rate_of(record), sample_rate)
    return audio.to_pcm(np.concatenate(list(chunks)))
