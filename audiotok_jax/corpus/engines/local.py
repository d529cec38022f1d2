"""The local engine: processes decode audio ahead of all devices."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

import numpy as np

from audiotok_jax.corpus.decoding import Piece, Shape
from audiotok_jax.corpus.engines import Coded
from audiotok_jax.corpus.plan import Plan, Shard
from audiotok_jax.corpus.workers import decoded
from audiotok_jax.tokenizer import AudioTokenizer, Window

_NO_TOKENS = np.zeros(0, np.uint16)


def encode(
    plan: Plan, shards: Sequence[Shard], shape: Shape, tokenizer: AudioTokenizer, workers: int
) -> Iterator[Coded]:
    """Encodes the clips of shards in their order; see `workers.decoded`."""
    waiting: deque[Coded] = deque()  # for the encoder

    def windows(pieces: Iterable[tuple[int, Piece]]) -> Iterator[Window]:
        for clip, piece in pieces:
            waiting.append(Coded(clip, _NO_TOKENS, piece.samples, piece.last, piece.error))
            if piece.data is not None:
                valid = tokenizer.config.frames(piece.samples)
                yield Window(clip, piece.data, valid, first=False)

    with closing(decoded(plan, shards, shape, workers)) as pieces:
        for _, tokens in tokenizer.encode_windows(windows(pieces)):
            while waiting[0].error:  # these had no window
                yield waiting.popleft()
            yield waiting.popleft()._replace(tokens=tokens)
        yield from waiting
