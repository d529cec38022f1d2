"""Sampler of crops: which part of which clip is row r of batch t, a pure function of seed, t and r.

Decoding a whole clip for each small crop would be slow, so the crops of a clip are used close
together. The clips of a speaker, in a new random order in each epoch, form a sequence of slots, one
for each crop that fits into a clip. Each run of `RUN` slots is assigned to one lane, which is one
row of every `LANES`-th batch. Corpora alternate according to their weights, and within a corpus the
speakers, with `turns` runs each per round. Whoever reads a lane in order, such as a process with
its own rows or a worker that makes every n-th batch (n dividing `LANES`), therefore decodes a clip
once per run and keeps one clip per lane. `LANES` consecutive batches never share a run.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.data.clips import Clip

CORPUS_POWER = 0.7
"""Default weight of a corpus: this power of its hours, which favours small corpora."""

SPEAKER_POWER = 0.5
"""Default weight of a speaker within a corpus: this power of their hours, so that no language is
learnt from a single voice."""

LANES = 16
RUN = 16
_ORDERS_KEPT = 4  # of rounds and epochs; near the end of one, some lanes are already in the next
_FEWEST_TURNS = 4  # of a speaker in a round; more would approximate the shares more closely


class Pick(NamedTuple):
    """A crop: the part `slot` of `slots` of clip number `clip`."""

    clip: int
    slot: int
    slots: int


Order = tuple[NDArray[np.int64], NDArray[np.int64]]
"""A random order of numbers, and a second number for each."""


class Sampler:
    """Chooses the crop for each row of each batch; corpora repeat endlessly.

    In each epoch of a speaker, a clip has as many slots as crops fit into it, but at least one.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        samples: int,
        batch_size: int,
        seed: int,
        weights: Mapping[str, float],
        speaker_power: float = SPEAKER_POWER,
    ):
        """Groups the clips by corpus and speaker.

        Args:
            clips, samples, batch_size, seed: see `pipeline.Loader`.
            weights: see `corpus_weights`.
            speaker_power: see `turns`; ValueError if it is not 0 to 1.
        """
        self._batch_size = batch_size
        self._seed = seed
        if not 0 <= speaker_power <= 1:
            raise ValueError(f"speaker_power must be 0 to 1, not {speaker_power}")
        self._slots = np.array([max(1, round(clip.num_samples / samples)) for clip in clips])
        members: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in weights}
        for number, clip in enumerate(clips):
            if clip.corpus in members:
                members[clip.corpus][clip.speaker].append(number)
        # By corpus and speaker, both sorted.
        self._clips: list[list[NDArray[np.int64]]] = []
        self._turns: list[NDArray[np.int64]] = []
        for name in sorted(weights):
            speakers = sorted(members[name].items())
            hours = {
                speaker: sum(clips[number].seconds for number in numbers) / 3600
                for speaker, numbers in speakers
            }
            self._clips.append([np.array(numbers) for _, numbers in speakers])
            self._turns.append(np.array(list(turns(hours, speaker_power).values())))
        self._lengths = [[int(self._slots[own].sum()) for own in corpus] for corpus in self._clips]
        # The most recent orders by number, for each corpus, and for each corpus and speaker.
        self._orders: dict[tuple[int, ...], dict[int, Order]] = defaultdict(dict)
        import grain  # and with it JAX, without which `data info` starts in a third of the time

        endless = grain.MapDataset.range(2**62)
        self._runs = grain.MapDataset.mix(
            [endless.map(functools.partial(_pair, corpus)) for corpus in range(len(self._clips))],
            [weights[name] for name in sorted(weights)],
        )

    def pick(self, step: int, row: int) -> Pick:
        """The crop that is row `row` of batch `step`."""
        turn, lane = divmod(step, LANES)
        # Lanes start at different places of a run, so that they do not change clips all at once.
        run, place = divmod(turn + (row + lane) % RUN, RUN)
        corpus, number = self._runs[(run * LANES + lane) * self._batch_size + row]
        speaker, number = self._speaker(corpus, number)
        epoch, slot = divmod(number * RUN + place, self._lengths[corpus][speaker])
        order, ends = self._epoch(corpus, speaker, epoch)
        where = int(np.searchsorted(ends, slot, side="right"))
        clip = int(order[where])
        slots = int(self._slots[clip])
        return Pick(clip, slot - int(ends[where]) + slots, slots)

    def _speaker(self, corpus: int, number: int) -> tuple[int, int]:
        """The speaker of a run of a corpus, and the index among the runs of that speaker."""
        count = self._turns[corpus]
        round_, turn = divmod(number, int(count.sum()))

        def make() -> Order:
            random = np.random.default_rng([self._seed, 4, corpus, round_])
            order = random.permutation(np.repeat(np.arange(len(count)), count))
            before = np.empty_like(order)
            first = np.cumsum(count) - count
            before[np.argsort(order, kind="stable")] = np.arange(len(order)) - np.repeat(
                first, count
            )
            return order, before

        order, before = self._kept((corpus,), round_, make)
        speaker = int(order[turn])
        return speaker, round_ * int(count[speaker]) + int(before[turn])

    def _epoch(self, corpus: int, speaker: int, epoch: int) -> Order:
        """The order of the clips of a speaker, and the cumulative number of slots."""

        def make() -> Order:
            random = np.random.default_rng([self._seed, 1, corpus, speaker, epoch])
            order = random.permutation(self._clips[corpus][speaker])
            return order, np.cumsum(self._slots[order])

        return self._kept((corpus, speaker), epoch, make)

    def _kept(self, of: tuple[int, ...], number: int, make: Callable[[], Order]) -> Order:
        kept = self._orders[of]
        found = kept.get(number)
        if found is None:
            found = kept[number] = make()
            for old in list(kept)[:-_ORDERS_KEPT]:
                kept.pop(old, None)
        return found


def turns(hours: Mapping[str, float], power: float) -> dict[str, int]:
    """Number of runs of each speaker in a round of a corpus.

    Args:
        hours: of each speaker; "" is speech of unknown speakers.
        power: 0 to 1. Speech of unknown speakers gets its share of the hours; known speakers share
            the rest in proportion to this power of their hours.
    """
    whole = sum(hours.values())
    known = {speaker: length**power for speaker, length in hours.items() if speaker}
    named = 1 - hours.get("", 0.0) / whole
    shares = {
        speaker: named * known[speaker] / sum(known.values()) if speaker else length / whole
        for speaker, length in hours.items()
    }
    least = min(shares.values())
    return {speaker: round(_FEWEST_TURNS * share / least) for speaker, share in shares.items()}


def corpus_weights(clips: Sequence[Clip], given: Mapping[str, float]) -> dict[str, float]:
    """Relative frequencies of the corpora.

    The weight of a corpus is that in `given`, else that in the column `weight` of its table, else
    its hours to the power `CORPUS_POWER`. Corpora of weight 0 are left out.

    Raises:
        ValueError: `given` names an unknown corpus, a weight is negative or not a number, rows of
            one corpus have different weights, or no corpus is left.
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
        try:
            weights[corpus] = length**CORPUS_POWER if text is None else float(text)
        except ValueError:
            raise ValueError(
                f"corpus {corpus}: its weight must be a number, not {text!r}"
            ) from None
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


def _pair(corpus: int, number: int) -> tuple[int, int]:
    return corpus, number
