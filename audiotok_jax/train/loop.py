"""The training loop, from the start or the last save to the end of a session.

All processes of a run take the same steps. A signal or a time limit may reach only one of them, so
each adds its request to its rows of the batch, and the step returns the highest one. Results are
read one step late, so that all processes save and stop at the same step.
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
from audiotok_jax.products import matmul_flops
from audiotok_jax.settings import pinned
from audiotok_jax.train import discriminators, folder, placement, trackers
from audiotok_jax.train import step as training
from audiotok_jax.train.checkpoint import Checkpoints, barrier
from audiotok_jax.train.config import Recipe, Session, TrainConfig
from audiotok_jax.train.evaluation import Evaluation
from audiotok_jax.train.metrics import Metrics
from audiotok_jax.train.objectives.objective import Networks
from audiotok_jax.train.state import Batch, State, crop_samples

GO_ON, SAVE, STOP = range(3)
"""Requests of a process; all processes act on the highest one."""


@pinned("default")
def train(config: TrainConfig) -> Path:
    """Trains until the last step, the limit of the session, SIGTERM, SIGINT or SIGHUP, and saves.

    The folder of the run gets the files of `train.folder` and the trackers, `checkpoints/` and, at
    the end of each session, `model/`: the averaged weights, ready for `from_pretrained`.

    Returns:
        The folder of the weights.

    Raises:
        ValueError: settings, data, weights, devices or an earlier run in the folder do not fit.
        FloatingPointError: too many consecutive gradients were not finite; the message names the
            step, and the saves before it are kept.
    """
    codec, recipe, session = config.codec, config.recipe, config.session
    if not config.data:
        raise ValueError("no data: name a folder or a table with --data")
    if recipe.stage == 2:
        _check_stage_2(config)
    trackers.check(session)
    mesh = parallel.make_mesh(jax.devices(), config.mesh.fsdp, config.mesh.model)
    rows = _rows_of_this_process(recipe, mesh)
    given = _given(config)
    networks = {
        loss.name: loss.open(codec, recipe.seconds, recipe.precision)
        for loss in recipe.active_losses
    }
    clips = sources.open_clips(config.data, codec.sample_rate)
    evaluation = session.eval_data and Evaluation(session.eval_data, session.eval_clips, codec)
    data = pipeline.Loader(
        clips,
        crop_samples(codec, recipe),
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
    barrier("all processes looked at the folder")
    if jax.process_index() == 0:
        folder.claim(out, config, clips)
    barrier("the folder is there")
    checkpoints = Checkpoints(out / "checkpoints", session.keep)
    state = _start(given, codec, recipe, mesh, checkpoints)
    networks = parallel.replicate(networks, mesh)
    traced = trace_step(state, codec, recipe, mesh, networks)
    update = traced.lower().compile()
    # All products are in the part that each device runs on its own rows.
    flops = matmul_flops(traced.jaxpr) * mesh.shape["data"] * mesh.shape["fsdp"]
    first = int(state.step)
    # A batch is a function of its step, so the loader has no other state.
    data.set_state({"step": first})
    with (
        closing(checkpoints),
        closing(data),
        _signals() as stopped,
        Metrics(out, first, config, clips, data, flops) as metrics,
    ):
        barrier("the step is compiled")
        clock = _Clock(session)
        pending = None
        for step in range(first, recipe.steps):
            stop_request = STOP if stopped else clock.stop_request()
            drawn = next(data)
            requests = np.full(len(rows), stop_request, np.int32)
            local = Batch(drawn.audio, drawn.speech, drawn.target, rows, requests)
            batch = parallel.from_processes(local, mesh)
            # Forbids implicit transfers between host and devices in the step.
            with metrics.step(step), jax.transfer_guard("disallow"):
                state, results = update(state, batch, networks)
            # One step late, so that the device never waits for the host.
            agreed, pending = metrics.write(pending), (step, results)
            done = step + 1
            evaluated = bool(evaluation) and (
                done % session.eval_steps == 0 or done == recipe.steps
            )
            by_steps = session.save_steps is not None and done % session.save_steps == 0
            if agreed == SAVE or evaluated or by_steps:
                agreed, pending = max(agreed, metrics.write(pending)), None
                score = None
                if evaluation and evaluated:
                    score = metrics.evaluate(done, evaluation, averaged(state, codec, mesh))
                checkpoints.save(done, state, score)
            if agreed == STOP:
                break
        metrics.write(pending)
        done = int(state.step)
        checkpoints.save(done, state)
    params = averaged(state, codec, mesh)
    if jax.process_index() == 0:
        pretrained.save(out / "model", params, codec, folder.card(config, clips, done))
        print(f"stopped at step {done} of {recipe.steps}; weights in {out / 'model'}", flush=True)
    barrier("the weights are written")
    return out / "model"


def trace_step(
    state: State, codec: CodecConfig, recipe: Recipe, mesh: Mesh, networks: Networks | None = None
) -> jax.stages.Traced:
    """The traced step: a function of a state (donated), a global `Batch` and the networks.

    `state` holds arrays, or their shapes with shardings.
    """
    rows = (recipe.batch_size,)

    def shaped(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype, sharding=parallel.by_rows(mesh))

    crops = shaped((*rows, crop_samples(codec, recipe)), np.float32)
    batch = Batch(crops, crops, crops, shaped(rows, np.int32), shaped(rows, np.int32))
    shardings = jax.tree.map(lambda leaf: leaf.sharding, state)
    update = jax.jit(
        training.update,
        static_argnums=(2, 3, 4),
        donate_argnums=0,
        out_shardings=(shardings, parallel.replicated(mesh)),
    )
    return update.trace(state, batch, codec, recipe, mesh, networks)


def averaged(state: State, codec: CodecConfig, mesh: Mesh) -> model.Params:
    """The averaged parameters, released, as NumPy arrays; all processes must call this."""
    gather = jax.jit(lambda tree: tree, out_shardings=parallel.replicated(mesh))
    return model.release(jax.tree.map(np.asarray, gather(state.ema)), codec)


class _Clock:
    """Requests saves and the end of a session by wall-clock time."""

    def __init__(self, session: Session):
        self._session = session
        self._started = self._saved = time.monotonic()

    def stop_request(self) -> int:
        now = time.monotonic()
        limit = self._session.minutes
        if limit is not None and now - self._started > 60 * limit:
            return STOP
        # Only the clock of the first process requests saves.
        if jax.process_index() == 0 and now - self._saved > 60 * self._session.save_minutes:
            self._saved = now
            return SAVE
        return GO_ON


def _check_stage_2(config: TrainConfig) -> None:
    codec, recipe = config.codec, config.recipe
    given = int(recipe.discriminator_seconds * codec.sample_rate)
    given = min(given, crop_samples(codec, recipe))
    needed = discriminators.shortest(recipe.discriminator_windows)
    if given < needed:
        raise ValueError(
            f"the discriminators would get {given} samples of a crop, and need {needed}: raise "
            "seconds or discriminator_seconds"
        )
    if config.init is None:
        raise ValueError("stage 2 tunes a trained model: name its weights with --init")


def _given(config: TrainConfig) -> model.Params | None:
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
    return model.restore(released.params, config.codec)


def _start(
    given: model.Params | None,
    codec: CodecConfig,
    recipe: Recipe,
    mesh: Mesh,
    checkpoints: Checkpoints,
) -> State:
    """State of the last save, or of step 0 with the given parameters, on the devices."""

    def create(params: model.Params | None) -> State:
        if params is None:
            params = model.init(jax.random.key(recipe.seed), codec)
        return training.create(params, codec, recipe)

    shapes = jax.eval_shape(create, given)
    shardings = placement.infer_sharding(shapes, mesh)
    if checkpoints.latest is None:
        state: State = jax.jit(create, out_shardings=shardings)(given)
        return state
    return checkpoints.restore(
        jax.tree.map(lambda leaf, one: leaf.update(sharding=one), shapes, shardings)
    )


def _rows_of_this_process(recipe: Recipe, mesh: Mesh) -> np.ndarray:
    """Indices of the rows of a batch that this process reads."""
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
    """Yields a list of the signals SIGTERM, SIGINT and SIGHUP received so far.

    A signal that is ignored, as under `nohup`, stays ignored.
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
