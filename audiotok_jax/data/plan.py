"""Which part of which clip is row r of batch t: a pure function of the seed, t and r.

A clip is decoded as a whole and a crop is a small part of it, so the crops of a clip are drawn
soon after each other: a corpus is a line of slots, one for each crop that fits into a clip, clip
after clip, in an order that is new in each epoch; a run of `RUN` slots goes to one lane, which is a
row of every `LANES`-th batch. Who reads a lane in order, be it one of many processes with rows of
its own or a worker that makes every n-th batch (n dividing `LANES`), decodes a clip once per run
and keeps one clip per lane. Neighbouring batches, `LANES` of them, never share a run.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import grain
import numpy as np
from numpy.typing import NDArray

from audiotok_jax.data.clips import Clip

CORPUS_POWER = 0.7
"""A corpus is drawn in proportion to this power of its hours, so that small ones are heard too."""

LANES = 16
RUN = 16
_EPOCHS_KEPT = 4  # of a corpus: around the end of one, lanes are in the next already


class Pick(NamedTuple):
    """A crop: the part `slot` of `slots` of clip number `clip`."""

    clip: int
    slot: int
    slots: int


class Plan:
    """What to crop, for each row of each batch; no corpus ever ends.

    In each epoch of a corpus a clip has as many slots as crops fit into it, and at least one.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        samples: int,
        batch_size: int,
        seed: int,
        weights: Mapping[str, float],
    ):
        """Lays out the corpora.

        Args:
            clips: what is drawn from.
            samples: length of a crop.
            batch_size: rows of a batch.
            seed: 0 or more.
            weights: see `corpus_weights`.
        """
        self._batch_size = batch_size
        self._seed = seed
        self._slots = np.array([max(1, round(clip.num_samples / samples)) for clip in clips])
        members = defaultdict(list)
        for number, clip in enumerate(clips):
            members[clip.corpus].append(number)
        self._corpora = [np.array(members[name]) for name in sorted(weights)]
        self._lengths = [int(self._slots[corpus].sum()) for corpus in self._corpora]
        self._epochs: list[dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]]
        self._epochs = [{} for _ in self._corpora]
        endless = grain.MapDataset.range(2**62)
        self._runs = grain.MapDataset.mix(
            [endless.map(functools.partial(_pair, corpus)) for corpus in range(len(self._corpora))],
            [weights[name] for name in sorted(weights)],
        )

    def pick(self, step: int, row: int) -> Pick:
        """The crop that is row `row` of batch `step`."""
        turn, lane = divmod(step, LANES)
        # Lanes begin in the midst of a run, each elsewhere, so as not to change clip all at once.
        run, place = divmod(turn + (row + lane) % RUN, RUN)
        corpus, number = self._runs[(run * LANES + lane) * self._batch_size + row]
        epoch, slot = divmod(number * RUN + place, self._lengths[corpus])
        order, ends = self._epoch(corpus, epoch)
        where = int(np.searchsorted(ends, slot, side="right"))
        clip = int(order[where])
        slots = int(self._slots[clip])
        return Pick(clip, slot - int(ends[where]) + slots, slots)

    def _epoch(self, corpus: int, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The clips of a corpus in their order, and the slots up to the end of each."""
        kept = self._epochs[corpus]
        found = kept.get(epoch)
        if found is None:
            random = np.random.default_rng([self._seed, 1, corpus, epoch])
            order = random.permutation(self._corpora[corpus])
            found = order, np.cumsum(self._slots[order])
            kept[epoch] = found
            for old in list(kept)[:-_EPOCHS_KEPT]:
                kept.pop(old, None)
        return found


def corpus_weights(clips: Sequence[Clip], given: Mapping[str, float]) -> dict[str, float]:
    """How often each corpus is drawn, relative to the others.

    A corpus has the weight that `given` says, else that in the column `weight` of its table, else
    its hours to the power `CORPUS_POWER`. One of weight 0 is left out.

    Raises:
        ValueError: `given` names an unknown corpus, a weight is negative or no number, rows of one
            corpus differ in it, or no corpus is left.
    """
    hours: dict[str, float] = defaultdict(float)
    listed: dict[str, set[str | None]] = defaultdict(set)
    for clip in clips:
        hours[clip.corpus] += clip.seconds / 3600
        listed[clip.corpus].add(clip.columns.get("weight"))
    weights = {}
    for corpus, length in hours.items():
        texts = listed[corpus]
        if len(texts) > 1 and corpus not in given:
            raise ValueError(f"corpus {corpus}: its rows differ in the column 'weight'")
        text = texts.pop()
        weights[corpus] = length**CORPUS_POWER if text is None else _number(text, corpus)
    for corpus, weight in given.items():
        if corpus not in weights:
            raise ValueError(
                f"there is a weight for the corpus {corpus}, but the corpora are "
                f"{', '.join(sorted(weights))}"
            )
        weights[corpus] = weight
    for corpus, weight in weights.items():
        if not (weight >= 0 and math.isfinite(weight)):
            raise ValueError(f"corpus {corpus}: its weight must be 0 or more, not {weight}")
    if not any(weights.values()):
        raise ValueError("all corpora have the weight 0")
    return {corpus: weight for corpus, weight in weights.items() if weight}


def _number(text: str, corpus: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"corpus {corpus}: its weight must be a number, not {text!r}") from None


def _pair(corpus: int, number: int) -> tuple[int, int]:
    return corpus, number
