"""WebDataset: tars with KEY.json and KEY.tokens.npy for each clip; KEY is its number."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.corpus.language_models.layout import Layout

INTEGERS = True
USAGE = """\
from pathlib import Path

import webdataset

from audiotok_jax import AudioTokenizer, corpus

shards = sorted(map(str, Path("data").glob("*.tar")))
for row in webdataset.WebDataset(shards, shardshuffle=False).decode():
    ids = row["tokens.npy"]  # (T,); row["json"] has what else is known of the clip

tokenizer = AudioTokenizer.from_pretrained("{model}")
wave = tokenizer.decode(corpus.Vocabulary({offset}).tokens(ids))"""


class Writer:
    """Writes one shard; see `language_models`."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._vocabulary = layout.spelling.vocabulary
        self._dtype = layout.dtype
        self._file = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, number: int, row: dict[str, Any], tokens: NDArray[np.uint16]) -> None:
        """Appends a clip."""
        buffer = io.BytesIO()
        np.save(buffer, self._vocabulary.ids(tokens).astype(self._dtype), allow_pickle=False)
        about = json.dumps(row, ensure_ascii=False).encode()
        # A key ends at the first dot of a name, so ids, which may have dots, cannot be keys.
        for suffix, data in (("json", about), ("tokens.npy", buffer.getvalue())):
            member = tarfile.TarInfo(f"{number:09}.{suffix}")
            member.size = len(data)
            self._file.addfile(member, io.BytesIO(data))


def features(layout: Layout) -> dict[str, Any]:
    """Empty: `datasets` finds them itself, and names them after the files in the tars."""
    return {}
