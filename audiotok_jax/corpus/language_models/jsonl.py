"""JSON Lines: an object for each clip, its tokens one string of names, `<|s_12|><|s_3456|>`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.corpus.language_models.layout import Layout

INTEGERS = False
USAGE = """\
import json
from pathlib import Path

from audiotok_jax import AudioTokenizer, tokens

for path in sorted(Path("data").glob("*.jsonl")):
    for line in path.read_bytes().splitlines():
        text = json.loads(line)["tokens"]

tokenizer = AudioTokenizer.from_pretrained("{model}")
wave = tokenizer.decode(tokens.from_text(text, {offset}))"""


class Writer:
    """Writes one shard; see `language_models`."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._spelling = layout.spelling
        self._file = open(path, "w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, number: int, row: dict[str, Any], tokens: NDArray[np.uint16]) -> None:
        """Appends a clip."""
        told = row | {"tokens": self._spelling.text(tokens)}
        self._file.write(json.dumps(told, ensure_ascii=False) + "\n")


def features(layout: Layout) -> dict[str, Any]:
    """Empty: JSON has its own types."""
    return {}
