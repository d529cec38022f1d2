"""ArrayRecord: a record for each clip.

A record is the length of a text as u32, little-endian, that text, JSON of id, path and columns in
UTF-8, and after it the bytes of an `.atok` file. One record a group, for random access.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from array_record.python.array_record_module import ArrayRecordWriter

from audiotok_jax import tokenfile
from audiotok_jax.corpus.entry import Entry
from audiotok_jax.corpus.formats.layout import Layout

LENGTH = struct.Struct("<I")
"""Of the JSON, at the start of a record."""


class Writer:
    """Writes one shard; see `formats.Writer`."""

    def __init__(self, files: Sequence[Path], layout: Layout) -> None:
        """Opens the file."""
        [path] = files
        self._layout = layout
        # Tokens are next to random: compression does not help them.
        self._file = ArrayRecordWriter(str(path), "group_size:1,uncompressed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, entry: Entry) -> None:
        """Appends a clip; OSError if the disk does not take it."""
        about = self._layout.about
        known = {"id": entry.id, "path": entry.path, "columns": entry.columns}
        text = json.dumps(known, sort_keys=True, ensure_ascii=False).encode()
        token_file = tokenfile.TokenFile(
            entry.tokens,
            about["model_id"],
            entry.sample_rate,
            about["hop_length"],
            entry.num_samples,
            about["bits"],
        )
        self._file.write(LENGTH.pack(len(text)) + text + tokenfile.dumps(token_file))
