"""A training run from start, or from where it stopped, to its end.

Where many processes take part, all of them run this loop in step. What may come to one of them
alone, a signal or the hour, travels with its rows of the batch: the step returns the highest
request, one step late, and so all processes save and stop at the same step.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from audiotok_jax import parallel, pretrained
from audiotok_jax.codec import model
from audiotok_jax.config import CodecConfig
from audiotok_jax.data import pipeline, sources
from audiotok_jax.settings import pinned
from audiotok_jax.train import discriminators, folder, placement, teachers, trackers
from audiotok_jax.train import step as training
from audiotok_jax.train.checkpoint import Checkpoints, meet
from audiotok_jax.train.config import Recipe, Session, TrainConfig
from audiotok_jax.train.evaluation import Evaluation
from audiotok_jax.train.metrics import Metrics
from audiotok_jax.train.throughput import matmul_flops

GO_ON, SAVE, STOP = range(3)
"""What a process may request; all processes act on the highest request."""


@pinned("default")
def train(config: TrainConfig) -> Path:
    """Trains until the last step, the limit of the session, SIGTERM, SIGINT or SIGHUP, and saves.

    The run's folder gets what `train.folder` and `train.metrics` say, `checkpoints/` and,
    whenever the session ends, `model/`: the averaged weights, ready for `from_pretrained`.

    Returns:
        The folder of the weights.

    Raises:
        ValueError: settings, data, weights, devices or an earlier run in the folder do not fit.
        FloatingPointError: the gradient was not finite too many steps in a row; the message
            names the step, and the saves before it are kept.
    """
    codec, recipe, session = config.codec, config.recipe, config.session
    if not config.data:
        raise ValueError("no data: name a folder or a table with --data")
    if recipe.stage == 2:
        _check_stage_2(config)
    trackers.check(session)
    mesh = parallel.make_mesh(jax.devices(), config.mesh.fsdp, config.mesh.model)
    rows = _rows_of_this_process(recipe, mesh)
    released = _released(config)
    teacher = teachers.open_teacher(recipe, codec)
    clips = sources.open_clips(config.data, codec.sample_rate)
    evaluation = session.eval_data and Evaluation(session.eval_data, session.eval_clips, codec)
    data = pipeline.Batches(
        clips,
        training.crop_samples(codec, recipe),
        recipe.batch_size,
        recipe.seed,
        targets=config.targets,
        augment=config.augment,
        weights=dict(config.weights),
        speaker_power=config.speaker_power,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
        workers=session.workers,
    )
    out = Path(config.out)
    folder.check(out, config, clips)
    meet("all processes looked at the folder")
    if jax.process_index() == 0:
        folder.claim(out, config, clips)
    meet("the folder is there")
    checkpoints = Checkpoints(out / "checkpoints", session.keep)
    state = _start(released, codec, recipe, mesh, checkpoints)
    teacher = parallel.replicate(teacher, mesh)
    traced = trace_step(state, codec, recipe, mesh, teacher)
    update = traced.lower().compile()
    # All products lie in the part that every device runs on rows of its own.
    flops = matmul_flops(traced.jaxpr) * mesh.shape["data"] * mesh.shape["fsdp"]
    first = int(state.step)
    # A batch is a function of its step: nothing else is needed to go on.
    data.set_state({"step": first})
    with (
        closing(checkpoints),
        closing(data),
        _signals() as stopped,
        Metrics(out, first, config, clips, data, flops) as metrics,
    ):
        meet("the step is compiled")
        clock = _Clock(session)
        pending = None
        for step in range(first, recipe.steps):
            stop_request = STOP if stopped else clock.stop_request()
            drawn = next(data)
            requests = np.full(len(rows), stop_request, np.int32)
            local = training.Batch(drawn.audio, drawn.speech, drawn.target, rows, requests)
            with metrics.step(step):
                state, results = update(state, parallel.from_processes(local, mesh), teacher)
            # Read a step late, so that the device never waits for the host.
            agreed, pending = metrics.write(pending), (step, results)
            done = step + 1
            judged = bool(evaluation) and (done % session.eval_steps == 0 or done == recipe.steps)
            by_steps = session.save_steps is not None and done % session.save_steps == 0
            if agreed == SAVE or judged or by_steps:
                agreed, pending = max(agreed, metrics.write(pending)), None
                score = None
                if evaluation and judged:
                    score = metrics.judge(done, evaluation, averaged(state, mesh))
                checkpoints.save(done, state, score)
            if agreed == STOP:
                break
        metrics.write(pending)
        done = int(state.step)
        checkpoints.save(done, state)
    params = averaged(state, mesh)
    if jax.process_index() == 0:
        pretrained.save(out / "model", params, codec, folder.card(config, clips, done))
        print(f"stopped at step {done} of {recipe.steps}; weights in {out / 'model'}", flush=True)
    meet("the weights are written")
    return out / "model"


def trace_step(
    state: training.State,
    codec: CodecConfig,
    recipe: Recipe,
    mesh: Mesh,
    teacher: teachers.Teacher | None = None,
) -> jax.stages.Traced:
    """The step, to be compiled: of a state, which it consumes, a global `Batch` and the teacher.

    Args:
        state: arrays, or their shapes with shardings.
    """
    rows = (recipe.batch_size,)

    def shaped(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype, sharding=parallel.by_rows(mesh))

    crops = shaped((*rows, training.crop_samples(codec, recipe)), np.float32)
    batch = training.Batch(
        crops,
        crops,
        crops,
        shaped(rows, np.int32),
        shaped(rows, np.int32),
    )
    places = jax.tree.map(lambda leaf: leaf.sharding, state)
    update = jax.jit(
        training.update,
        static_argnums=(2, 3, 4),
        donate_argnums=0,
        out_shardings=(places, parallel.replicated(mesh)),
    )
    return update.trace(state, batch, codec, recipe, mesh, teacher)


def averaged(state: training.State, mesh: Mesh) -> model.Params:
    """The averaged parameters as NumPy arrays; all processes must call this."""
    gather = jax.jit(lambda tree: tree, out_shardings=parallel.replicated(mesh))
    return jax.tree.map(np.asarray, gather(state.ema))


class _Clock:
    """Tells what the time wants to be done."""

    def __init__(self, session: Session):
        self._session = session
        self._started = self._saved = time.monotonic()

    def stop_request(self) -> int:
        now = time.monotonic()
        limit = self._session.minutes
        if limit is not None and now - self._started > 60 * limit:
            return STOP
        # One clock is enough: else each process would ask for a save of its own.
        if jax.process_index() == 0 and now - self._saved > 60 * self._session.save_minutes:
            self._saved = now
            return SAVE
        return GO_ON


def _check_stage_2(config: TrainConfig) -> None:
    heard = training.critic_samples(config.codec, config.recipe)
    if heard < discriminators.SHORTEST:
        raise ValueError(
            f"the discriminators would hear {heard} samples of a crop, and need "
            f"{discriminators.SHORTEST}: raise seconds or critic_seconds"
        )
    if config.init is None:
        raise ValueError("stage 2 tunes a trained model: name its weights with --init")


def _released(config: TrainConfig) -> model.Params | None:
    if config.init is None:
        return None
    released = pretrained.load(config.init)
    if released.config != config.codec:
        theirs, ours = asdict(released.config), asdict(config.codec)
        options = " ".join(f"--set codec.{k}={theirs[k]}" for k in ours if ours[k] != theirs[k])
        raise ValueError(
            f"{config.init}: these weights are of another codec than the run's; it would be "
            f"theirs with {options}"
        )
    return released.params


def _start(
    released: model.Params | None,
    codec: CodecConfig,
    recipe: Recipe,
    mesh: Mesh,
    checkpoints: Checkpoints,
) -> training.State:
    """State of the last save, or of step 0, on its devices."""

    def create(params: model.Params | None) -> training.State:
        if params is None:
            params = model.init(jax.random.key(recipe.seed), codec)
        return training.create(params, codec, recipe)

    shapes = jax.eval_shape(create, released)
    places = placement.place(shapes, mesh)
    if checkpoints.latest is None:
        state: training.State = jax.jit(create, out_shardings=places)(released)
        return state
    return checkpoints.restore(
        jax.tree.map(
            lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
            shapes,
            places,
        )
    )


def _rows_of_this_process(recipe: Recipe, mesh: Mesh) -> np.ndarray:
    """Numbers of the rows of a batch that this process reads."""
    parts = mesh.shape["data"] * mesh.shape["fsdp"] * recipe.accumulate
    if recipe.batch_size % parts:
        raise ValueError(
            f"batch_size={recipe.batch_size} cannot be cut into {parts} equal parts "
            "(devices that read different rows, times accumulate)"
        )
    share = recipe.batch_size // jax.process_count()
    return np.arange(share, dtype=np.int32) + share * jax.process_index()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """A list that is no longer empty once SIGTERM, SIGINT or SIGHUP has come.

    One that is ignored, as under `nohup`, stays so.
    """
    got: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: got.append(number))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield got
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
