"""A training run from start, or from where it stopped, to its end."""

from __future__ import annotations

import json
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import numpy as np

from audiotok_jax import pretrained
from audiotok_jax.codec import model
from audiotok_jax.config import CodecConfig, preset
from audiotok_jax.data import pipeline, sources
from audiotok_jax.files import replacing
from audiotok_jax.train import step as training
from audiotok_jax.train.checkpoint import Checkpoints
from audiotok_jax.train.config import TrainConfig
from audiotok_jax.train.metrics import Metrics


def train(config: TrainConfig) -> Path:
    """Trains until `config.steps`, `config.minutes`, SIGTERM or SIGINT, and saves.

    The run's folder gets `config.json`, `metrics.jsonl` (a line per step), `checkpoints/` and,
    whenever the run ends, `model/`: the averaged weights, ready for `from_pretrained`.

    Returns:
        The folder of the weights.

    Raises:
        ValueError: settings, data, weights or an earlier run in the folder do not fit.
        FloatingPointError: the loss is not finite; the message names the step, and the saves
            before it are kept.
    """
    codec, params = _start(config)
    clips = sources.find_clips(list(config.data))
    out = Path(config.out)
    _claim(out, config)
    # The schedule and the losses alone are part of the step: a session's limits would make
    # jit see another program.
    settings = TrainConfig(**(config.kept() | {"data": config.data}))
    state = training.create(params, codec, settings)
    samples = training.crop_samples(codec, config)
    data = iter(pipeline.batches(clips, samples, config.batch_size, codec.sample_rate, config.seed))
    checkpoints = Checkpoints(out / "checkpoints", config.keep)
    if checkpoints.latest is not None:
        state = checkpoints.restore(state, data)
    hours = sum(clip.seconds for clip in clips) / 3600
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    print(
        f"{out}: {count / 1e6:.2f} M parameters, {len(clips)} clips, {hours:.2f} h, "
        f"stage {config.stage}, step {int(state.step)} of {config.steps}, {jax.devices()}",
        flush=True,
    )
    update = jax.jit(training.update, static_argnums=(2, 3), donate_argnums=0)
    with Metrics(out / "metrics.jsonl", int(state.step)) as metrics, _signals() as stopped:
        started = saved = time.monotonic()
        pending = None
        for step in range(int(state.step), config.steps):
            now = time.monotonic()
            if stopped or (config.minutes and now - started > 60 * config.minutes):
                break
            if now - saved > 60 * config.save_minutes:
                metrics.write(pending)
                pending = None
                checkpoints.save(step, state, data)
                saved = now
            wave = next(data)
            state, scalars = update(state, wave, codec, settings)
            # Read a step late, so that the device never waits for the host.
            metrics.write(pending)
            pending = (step, wave.size / codec.sample_rate, scalars)
        metrics.write(pending)
    done = int(state.step)
    checkpoints.save(done, state, data)
    checkpoints.close()
    folder = out / "model"
    # A released model says what it learnt from, and not where that lay on this machine.
    names = {
        "data": [Path(location).name for location in config.data],
        "init": config.init and Path(config.init).name,
    }
    card = {"steps": done, "hours": round(hours, 2), "settings": settings.kept() | names}
    pretrained.save(folder, jax.tree.map(np.asarray, state.ema), codec, card)
    print(f"stopped at step {done} of {config.steps}; weights in {folder}", flush=True)
    return folder


def _start(config: TrainConfig) -> tuple[CodecConfig, model.Params]:
    codec = preset(config.preset)
    if config.init is None:
        return codec, model.init(jax.random.key(config.seed), codec)
    released = pretrained.load(config.init)
    if released.config != codec:
        raise ValueError(f"{config.init}: these weights are not of preset {config.preset}")
    return codec, jax.tree.map(jax.numpy.asarray, released.params)


def _claim(out: Path, config: TrainConfig) -> None:
    """Records the settings of a new run, or compares them with those of the one resumed."""
    path = out / "config.json"
    record = {
        "settings": config.kept(),
        "versions": {"jax": jax.__version__, "python": platform.python_version()},
        "devices": [str(device) for device in jax.devices()],
    }
    if path.exists():
        if not config.resume:
            raise ValueError(f"{out} holds a run already: go on with --resume, or choose another")
        before = json.loads(path.read_text())["settings"]
        changed = [name for name, value in config.kept().items() if before.get(name) != value]
        if changed:
            raise ValueError(f"{out} was started with other settings: {', '.join(changed)}")
        return
    if config.resume:
        raise ValueError(f"{out} holds no run to resume")
    out.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")


@contextmanager
def _signals() -> Iterator[list[int]]:
    """A list that is no longer empty once SIGTERM or SIGINT has come."""
    got: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: got.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield got
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
