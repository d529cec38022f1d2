"""Metrics of a run: computed, written to the trackers, and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import jax
import numpy as np

from audiotok_jax.codec import model
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.data.pipeline import Loader
from audiotok_jax.data.sources import Clips
from audiotok_jax.train import folder
from audiotok_jax.train.config import TrainConfig
from audiotok_jax.train.evaluation import Evaluation
from audiotok_jax.train.profile import Profile
from audiotok_jax.train.state import crop_samples
from audiotok_jax.train.throughput import Throughput, peak_flops
from audiotok_jax.train.trackers import Tracker, open_trackers
from audiotok_jax.train.trackers.console import LINE_STEPS


@dataclasses.dataclass(eq=False)
class Metrics:
    """Passes the metrics of every step to the trackers; a context manager.

    All processes call all methods; only the first one prints and writes, but each lists the audio
    that it left out.

    Attributes:
        out: folder of the run, which exists.
        first_step: of the session.
        config: of the run.
        clips: training data.
        data: loader of the clips.
        flops: of a step over all devices, see `products.matmul_flops`.
    """

    out: Path
    first_step: int
    config: TrainConfig
    clips: Clips
    data: Loader
    flops: float
    _listed: int = 0
    _trackers: Sequence[Tracker] = ()
    _profile: Profile | None = None

    def __enter__(self) -> Metrics:
        """Records and prints the start of the session, and opens the trackers."""
        config, codec, recipe = self.config, self.config.codec, self.config.recipe
        peak = peak_flops(recipe.precision)
        seconds = recipe.batch_size * crop_samples(codec, recipe) / codec.sample_rate
        self._throughput = Throughput(seconds, self.flops, peak)
        if jax.process_index() == 0:
            folder.list_skipped(self.out, self.clips.skipped)
            folder.add_session(self.out, config, self.first_step)
            print(_opening(config, self.first_step, self.clips, peak), flush=True)
            if config.session.profile is not None:
                self._profile = Profile(self.out / "profile", config.session.profile)
            self._trackers = open_trackers(self.out, self.first_step, config)
        return self

    def __exit__(self, *_: object) -> None:
        """Closes everything."""
        for tracker in self._trackers:
            tracker.close()
        if self._profile is not None:
            self._profile.close()
        if self._listed and jax.process_index() == 0:
            print(f"left out {self._listed} clips while reading: see skipped.jsonl", flush=True)

    def step(self, step: int) -> AbstractContextManager[None]:
        """A context for the dispatch of a step, for traces."""
        return nullcontext() if self._profile is None else self._profile.step(step)

    def write(self, pending: tuple[int, Mapping[str, Any]] | None) -> int:
        """Waits for one step's results and writes them.

        Args:
            pending: step and its results from `step.update`; None is ignored.

        Returns:
            The highest request of all processes, see `train.loop`.

        Raises:
            FloatingPointError: too many consecutive gradients were not finite.
        """
        if pending is None:
            return 0
        step, results = pending
        values = {name: _plain(value) for name, value in jax.device_get(results).items()}
        if self._profile is not None:
            self._profile.ended(step)
        stop_request: int = values.pop("stop_request")
        in_a_row: int = values.pop("skipped_in_a_row")
        if step % LINE_STEPS:
            del values["bits"]
        values |= self._throughput.step()
        for tracker in self._trackers:
            tracker.log(step, values)
        if len(self.data.skipped) > self._listed:
            self._listed = len(self.data.skipped)
            folder.list_skipped(self.out, self.data.skipped)
        if in_a_row >= self.config.recipe.patience:
            raise FloatingPointError(
                f"the gradient is not finite for {in_a_row} steps in a row, up to step {step}: "
                "resume from the last save with a smaller learning rate, or look for broken audio"
            )
        return stop_request

    def evaluate(self, done: int, evaluation: Evaluation, params: Params) -> float:
        """Evaluates the parameters after `done` steps, and passes the results to the trackers.

        Args:
            params: NumPy arrays, the same in all processes.

        Returns:
            The score, the same in all processes; larger is better.
        """
        found = evaluation.run(params)
        for tracker in self._trackers:
            tracker.show(done, found)
        self._throughput.pause()
        return found.score


def _plain(value: Any) -> Any:
    """NumPy values as Python numbers; floats in their shortest decimal form as float32."""
    if value.ndim:
        return [_plain(one) for one in value]
    return float(str(value)) if np.issubdtype(value.dtype, np.floating) else int(value)


def _opening(config: TrainConfig, first_step: int, clips: Clips, peak: float) -> str:
    codec, recipe, mesh = config.codec, config.recipe, config.mesh
    devices = jax.devices()
    data = len(devices) // (mesh.fsdp * mesh.model)
    skipped = f", {len(clips.skipped)} left out (skipped.jsonl)" if clips.skipped else ""
    return (
        f"{_parameters(codec):,} parameters, {codec.bitrate / 1000:g} kbps; "
        f"{len(clips):,} clips, {clips.seconds / 3600:.2f} h{skipped}; "
        f"stage {recipe.stage}, step {first_step:,} of {recipe.steps:,}\n"
        f"{len(devices)} x {devices[0].device_kind} in {jax.process_count()} process(es), "
        f"data={data} fsdp={mesh.fsdp} model={mesh.model}, "
        f"{peak / 1e12:.3g} TFLOP/s in {recipe.precision} products"
    )


def _parameters(codec: CodecConfig) -> int:
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), codec))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))
