"""Reading of a corpus of tokens, by index and by id."""

from __future__ import annotations

import functools
import operator
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import entropy
from audiotok_jax.corpus import shards
from audiotok_jax.corpus.formats import Entry, Layout, Reader, reader
from audiotok_jax.corpus.inputs import Original
from audiotok_jax.corpus.plan import CLIPS, Plan

OPEN_SHARDS = 64
"""Number of shards kept open; each may hold a row group of some megabytes."""


class Corpus:
    """The clips of a corpus, a sequence of `Entry`: `len`, `[number]`, iteration, `find`.

    It is a source for `grain.MapDataset.source`, safe for threads, and can be pickled. Clips are in
    the order of the plan, without those that could not be encoded.

    Attributes:
        plan: of the corpus.
        done: the finished shards and their receipts.
    """

    def __init__(self, path: str | os.PathLike[str], model: str | None = None) -> None:
        """Opens a corpus; warns if it is not finished.

        Args:
            path: its folder.
            model: name or folder of the model whose prior decodes compact tokens; None tries the
                one that encoded them, at its original path, and the released ones.

        Raises:
            FileNotFoundError: there is no corpus.
            ValueError: its plan or a receipt is damaged.
        """
        self.plan = Plan.read(path)
        found = [(shard, shards.receipt(self.plan, shard)) for shard in self.plan.shards]
        self.done = [(shard, receipt) for shard, receipt in found if receipt is not None]
        if len(self.done) < len(found):
            warnings.warn(
                f"{self.plan.out}: unfinished: {len(self.done)} of {len(found)} shards are there; "
                "`audiotok corpus run` makes the others",
                stacklevel=2,
            )
        self.starts = np.cumsum([0, *(receipt.clips for _, receipt in self.done)])
        settings = self.plan.settings
        self._layout = Layout(
            settings.about,
            self.plan.columns,
            find=functools.partial(entropy.find, path_or_name=model or settings.model),
        )
        self.__setstate__({})

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("_lock", "_readers", "_numbers")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.RLock()
        self._readers: dict[int, Reader] = {}  # most recently used last
        self._numbers: dict[str, int] | None = None

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, number: int) -> Entry:
        index = operator.index(number)
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no clip {index}: there are {len(self)}")
        index %= len(self)
        part = int(np.searchsorted(self.starts, index, "right")) - 1
        with self._reading(part) as reader:
            return reader.read(int(index - self.starts[part]))

    def __iter__(self) -> Iterator[Entry]:
        return (self[number] for number in range(len(self)))

    @property
    def num_tokens(self) -> int:
        """Number of tokens of all clips."""
        return sum(receipt.tokens for _, receipt in self.done)

    def find(self, clip_id: str) -> Entry:
        """The clip with an id. The first call reads the ids of all clips.

        Raises:
            KeyError: there is no such clip.
        """
        with self._lock:
            if self._numbers is None:
                names: list[str] = []
                for part in range(len(self.done)):
                    names += self.ids(part)
                self._numbers = {name: number for number, name in enumerate(names)}
        return self[self._numbers[clip_id]]

    def ids(self, part: int) -> list[str]:
        """Ids of the clips in `done[part]`."""
        with self._reading(part) as reader:
            return reader.ids()

    def lengths(self, part: int) -> NDArray[np.int64]:
        """Numbers of tokens of the clips in `done[part]`, (clips,)."""
        with self._reading(part) as reader:
            return reader.lengths

    def encoded(self, part: int) -> list[Original]:
        """The clips of `done[part]` in the plan, without those that have no tokens.

        Raises:
            ValueError: the plan is damaged.
        """
        shard, receipt = self.done[part]
        failed = {error.id for error in receipt.errors}
        found = [one for one in self.plan.originals(shard) if one.id not in failed]
        if len(found) != receipt.clips:
            raise ValueError(
                f"{self.plan.out / CLIPS}: damaged: {len(found)} clips of shard {shard.name}, of "
                f"which its receipt has {receipt.clips}"
            )
        return found

    @contextmanager
    def _reading(self, part: int) -> Iterator[Reader]:
        """Yields the reader of `done[part]`; names the shard in errors."""
        shard, receipt = self.done[part]
        with self._lock:
            try:
                if part in self._readers:
                    opened = self._readers.pop(part)
                else:
                    files = shards.files(self.plan, shard)
                    for path, known in zip(files, receipt.files, strict=True):
                        if (size := path.stat().st_size) != known.bytes:
                            raise ValueError(f"{size} bytes, not {known.bytes} as when written")
                    opened = reader(self.plan.settings.format)(files, self._layout)
                    if len(opened) != receipt.clips:
                        raise ValueError(f"{len(opened)} clips, not {receipt.clips}")
                self._readers[part] = opened
                if len(self._readers) > OPEN_SHARDS:
                    del self._readers[next(iter(self._readers))]
                yield opened
            except entropy.UnknownPriorError:
                raise
            except Exception as error:  # damaged files make readers raise errors of any kind
                raise ValueError(
                    f"{self.plan.out}: shard {shard.name} is damaged: {error}; if its receipt "
                    f"{shards.FOLDER}/{shard.name}.json is removed, `audiotok corpus run` makes it "
                    "again"
                ) from error
