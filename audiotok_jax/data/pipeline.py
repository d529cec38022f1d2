"""Loader of batches of random crops, prefetched by Grain and determined by the seed."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import grain
import numpy as np
from absl import flags
from numpy.typing import NDArray

from audiotok_jax import signals
from audiotok_jax.audio import AudioError
from audiotok_jax.data import augment as augmentation
from audiotok_jax.data.augment import Augment
from audiotok_jax.data.clips import Skipped
from audiotok_jax.data.sampler import LANES, SPEAKER_POWER, Sampler, corpus_weights
from audiotok_jax.data.sources import Clips, open_clips
from audiotok_jax.data.targets import Targets

ATTEMPTS = 100
"""Consecutive unreadable clips after which loading fails."""

POOL = 32
"""Clips of noise, and impulse responses, in use at a time."""
POOL_STEPS = 128
"""Batches for which each is in use; they are replaced one by one."""

_GAIN_ALONE = Augment()


class Crops(NamedTuple):
    """The rows of a batch that one process holds.

    Attributes:
        audio: float32 (rows, samples), input of the encoder.
        speech: float32 (rows, samples), `audio` without added noise.
        target: float32 (rows, samples), desired output. All three are equal if clips are their own
            targets.
        clip: int32 (rows,), numbers in the list of clips.
    """

    audio: NDArray[np.float32]
    speech: NDArray[np.float32]
    target: NDArray[np.float32]
    clip: NDArray[np.int32]


class Loader(grain.DatasetIterator):
    """Endless batches of crops; a Grain iterator that Orbax can save.

    Row r of batch t depends on the clips, `targets`, `samples`, `batch_size`, `seed`, `augment`,
    `weights`, `speaker_power`, r and t only, not on the number of workers, threads and processes.
    For each speaker of a corpus, all seconds of audio are equally likely; `sampler` determines
    their order. A crop of a clip that turns out to be unreadable is replaced by another random one.

    The state is the number of batches returned.
    """

    def __init__(
        self,
        clips: Clips,
        samples: int,
        batch_size: int,
        seed: int,
        *,
        targets: str | None = None,
        augment: Augment = _GAIN_ALONE,
        weights: Mapping[str, float] | None = None,
        speaker_power: float = SPEAKER_POWER,
        process_index: int = 0,
        process_count: int = 1,
        workers: int = 0,
    ):
        """Starts at batch 0.

        Args:
            clips: at least one.
            samples: length of a crop at the rate of `clips`.
            batch_size: rows of a batch over all processes.
            seed: of all random numbers; 0 or more.
            targets: a location as in `data.sources.open_clips` with the desired output for the
                clips, under the same names except for suffixes; None makes clips their own targets.
            augment: of the crops.
            weights: of corpora, by name; see `sampler.corpus_weights`.
            speaker_power: of speakers within a corpus; see `sampler.turns`.
            process_index: which rows are returned: the n-th of `process_count` equal parts.
            process_count: divides `batch_size`.
            workers: processes that read, started by `spawn`; 0 reads in threads of this one.

        Raises:
            ValueError: an argument does not fit, or a clip has no target of its length.
            OSError: `targets` or a location in `augment` does not exist.
        """
        super().__init__()
        self._source: Any = None
        if batch_size % process_count:
            raise ValueError(
                f"batch_size={batch_size} cannot be shared equally by {process_count} processes"
            )
        if seed < 0:
            raise ValueError(f"seed must be 0 or more, not {seed}")
        if augment.band and augment.band_hz[1] >= clips.sample_rate / 2:
            raise ValueError(
                f"band_hz must lie below {clips.sample_rate / 2:g} Hz, half of the sample rate"
            )
        share = batch_size // process_count
        rows = range(process_index * share, (process_index + 1) * share)
        corpora = corpus_weights(clips, weights or {})
        sampler = Sampler(clips, samples, batch_size, seed, corpora, speaker_power)
        paired = None if targets is None else Targets(clips, targets)
        self._steps = _Steps(clips, paired, sampler, samples, batch_size, rows, seed, augment)
        self._workers = workers
        self._step = 0
        self._skipped: dict[str, Skipped] = {}

    @property
    def skipped(self) -> list[Skipped]:
        """Clips found to be unreadable in this process so far."""
        return list(self._skipped.values())

    def __next__(self) -> Crops:
        """The next batch.

        Raises:
            ValueError: none of `ATTEMPTS` consecutive clips can be read.
            OSError: a file that was found before cannot be read.
        """
        self._assert_not_closed()
        if self._source is None:
            self._source = self._start()
        batch, skipped = next(self._source)
        self._skipped.update((one.path, one) for one in skipped)
        self._step += 1
        return batch

    def get_state(self) -> dict[str, int]:
        """`{"step": n}` with the number n of the next batch."""
        return {"step": self._step}

    def set_state(self, state: dict[str, int]) -> None:
        """Continues at the batch of a state from `get_state`."""
        self._stop()
        self._step = state["step"]

    def close(self) -> None:
        """Ends the threads or workers."""
        self._stop()
        super().close()

    def _start(self) -> Any:
        """Starts reading ahead from the current step on."""
        dataset = grain.MapDataset.source(self._steps)[self._step :]
        if not self._workers:
            threads = min(os.cpu_count() or 1, LANES // 2)
            options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
            return iter(dataset.to_iter_dataset(options))
        if not flags.FLAGS.is_parsed():  # Grain reads its flags when it starts workers
            flags.FLAGS.mark_as_parsed()
        ahead = dataset.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=1))
        options = grain.MultiprocessingOptions(num_workers=self._workers, per_worker_buffer_size=2)
        return iter(ahead.mp_prefetch(options, worker_init_fn=_start_worker))

    def _stop(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None


@dataclasses.dataclass(eq=False, repr=False)
class _Steps:
    """The rows of one process by batch number; a random-access source for Grain."""

    clips: Clips
    targets: Targets | None
    sampler: Sampler
    samples: int
    batch_size: int
    rows: range
    seed: int
    augment: Augment

    def __post_init__(self) -> None:
        # Each with its unreadable clips, by number.
        self._sources: list[tuple[Clips | Targets, dict[int, Skipped]]]
        self._sources = [(one, {}) for one in (self.clips, self.targets) if one is not None]
        self._rate = self.clips.sample_rate
        self._impulses = _Pool(self.augment.reverb_data, self._rate, (self.seed, 2))
        self._noises = _Pool(self.augment.noise_data, self._rate, (self.seed, 3))
        # The most recent clip by row and lane, int16 (1 or 2, samples).
        self._held: dict[tuple[int, int], tuple[int, NDArray[np.int16]]] = {}

    def __len__(self) -> int:
        return 2**40

    def __getitem__(self, step: int) -> tuple[Crops, list[Skipped]]:
        # Sources of input, recording and target; a single one if there are no targets.
        paired = len(self._sources) == 2
        kinds = [0, 0, 1] if paired else [0]
        changed = np.zeros((len(kinds), len(self.rows), self.samples), np.float32)
        clips = np.zeros(len(self.rows), np.int32)
        skipped: list[Skipped] = []
        for place, row in enumerate(self.rows):
            random = np.random.default_rng([self.seed, 0, step * self.batch_size + row])
            speed = augmentation.draw_speed(self.augment, random)
            samples = math.ceil(self.samples * speed)
            clips[place], crop = self._crop(step, row, samples, random, skipped)
            waves = _to_float(crop)
            if speed != 1:
                played = [augmentation.change_speed(wave, speed) for wave in waves]
                waves = np.stack(played)[:, : self.samples]
            waves = np.pad(waves, ((0, 0), (0, self.samples - waves.shape[1])))
            changed[:, place] = augmentation.change(
                waves[kinds],
                self.augment,
                self._rate,
                random,
                partial(self._impulses.draw, step, random, skipped),
                partial(self._noises.draw, step, random, skipped),
            )
        heard, speech, target = changed if paired else [changed[0]] * 3
        return Crops(heard, speech, target, clips), skipped

    def _crop(
        self, step: int, row: int, samples: int, random: np.random.Generator, skipped: list[Skipped]
    ) -> tuple[int, NDArray[np.int16]]:
        clip, slot, slots = self.sampler.pick(step, row)
        lane = row, step % LANES
        held, waves = self._held.get(lane, (None, None))
        if waves is None or held != clip:
            waves = self._read(clip, skipped)
            if waves is not None:
                self._held[lane] = clip, waves
        attempts = 1
        while waves is None:
            if attempts == ATTEMPTS:
                raise ValueError(
                    f"of {attempts} clips drawn one after another none can be read; "
                    f"{skipped[-1].path}: {skipped[-1].reason}"
                )
            elsewhere = divmod(int(random.integers(2**32)), self.batch_size)
            clip, slot, slots = self.sampler.pick(*elsewhere)
            waves = self._read(clip, skipped)
            attempts += 1
        last = max(0, waves.shape[1] - samples)
        start = min(last, int((slot + random.random()) / slots * (last + 1)))
        return clip, waves[:, start : start + samples]

    def _read(self, clip: int, skipped: list[Skipped]) -> NDArray[np.int16] | None:
        """The samples of a clip and of its target, if any; None if either is unreadable."""
        waves = [_readable(source, clip, bad, skipped) for source, bad in self._sources]
        good = [wave for wave in waves if wave is not None]
        if len(good) < len(waves):
            return None
        shortest = min(map(len, good))  # a header may have announced more
        return np.stack([wave[:shortest] for wave in good])


class _Pool:
    """A pool of decoded noise clips or impulse responses, each reused to save decoding."""

    def __init__(self, locations: Sequence[str], sample_rate: int, seed: tuple[int, int]):
        self._clips = open_clips(locations, sample_rate)
        self._seed = seed
        self._held: dict[int, tuple[int, NDArray[np.int16]]] = {}
        self._bad: dict[int, Skipped] = {}

    def draw(
        self, step: int, random: np.random.Generator, skipped: list[Skipped]
    ) -> NDArray[np.float32]:
        """One of the clips in use at a step, float32 (samples,)."""
        place = int(random.integers(POOL))
        turn = (step + place * POOL_STEPS // POOL) // POOL_STEPS
        held, wave = self._held.get(place, (None, None))
        if wave is None or held != turn:
            wave = self._choose(np.random.default_rng([*self._seed, place, turn]), skipped)
            self._held[place] = turn, wave
        return _to_float(wave)

    def _choose(self, random: np.random.Generator, skipped: list[Skipped]) -> NDArray[np.int16]:
        for _ in range(ATTEMPTS):
            number = int(random.integers(len(self._clips)))
            wave = _readable(self._clips, number, self._bad, skipped)
            if wave is not None:
                return wave
        raise ValueError(
            f"none of the noises or rooms can be read; {skipped[-1].path}: {skipped[-1].reason}"
        )


def _readable(
    clips: Clips | Targets, number: int, bad: dict[int, Skipped], skipped: list[Skipped]
) -> NDArray[np.int16] | None:
    """The samples of a clip; an unreadable one is added to `bad` and `skipped` and gives None."""
    if number not in bad:
        try:
            return clips.read(number)
        except AudioError as error:
            bad[number] = Skipped.because(clips[number].path, error)
    skipped.append(bad[number])
    return None


def _to_float(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    return pcm.astype(np.float32) / np.float32(32768)


def _start_worker(index: int, count: int) -> None:
    """Ignores signals, which the training process handles, and exits together with it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signals.follow_parent()
