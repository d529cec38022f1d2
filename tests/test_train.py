"""Losses, the step, and runs that are interrupted."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from training import OPTIONS, STEPS, read, weights

from audiotok_jax import AudioTokenizer, audio, preset
from audiotok_jax.codec import model, pitch_tracker
from audiotok_jax.codec.pitch import pitch_frequencies
from audiotok_jax.data import pipeline
from audiotok_jax.train import discriminators, folder, loop, optimizer, schedule, step
from audiotok_jax.train.checkpoint import Checkpoints
from audiotok_jax.train.config import Recipe, Session, TrainConfig
from audiotok_jax.train.losses.mel import MelLoss
from audiotok_jax.train.losses.stft import StftLoss
from audiotok_jax.train.objectives.objective import GradInputs
from audiotok_jax.train.objectives.stage_1 import Stage1
from audiotok_jax.train.state import Batch, State
from audiotok_jax.train.trackers import jsonl

pytestmark = pytest.mark.usefixtures("compiled_quickly")

TINY = preset("tiny-80hz")
DEEPER = dataclasses.replace(preset("small-40hz"), encoder_depth=7, decoder_depth=11)
TWO_WINDOWS = dataclasses.replace(preset("small-40hz"), short_n_fft=400)
RECIPE = Recipe(batch_size=8, seconds=0.25, steps=12, discriminator_windows=(256,))
SESSION = Session(save_minutes=1e-9, tensorboard=False)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, speech) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    for number in range(6):
        audio.write(root / f"{number}.wav", speech(16000, seed=number), 16000)
    return root


def settings(corpus: Path, out: Path, **more) -> TrainConfig:
    config = TrainConfig(
        codec=TINY, data=(str(corpus),), out=str(out), recipe=RECIPE, session=SESSION
    )
    return dataclasses.replace(config, **more)


def test_pitch_is_found_within_a_step_of_the_table(tiny):
    config, _ = tiny
    t = np.arange(32000) / 16000
    hertz = 120 * 2 ** (0.5 * np.sin(2 * np.pi * t))
    phase = 2 * np.pi * np.cumsum(hertz) / 16000
    wave = sum(np.cos(k * phase) / k for k in range(1, 15)).astype(np.float32) * 0.1
    index, strength = jax.jit(pitch_tracker.track, static_argnums=1)(
        jnp.asarray(wave)[None], config
    )
    found = pitch_frequencies(config)[np.asarray(index[0])]
    cents = 1200 * np.abs(np.log2(found / hertz[:: config.hop_length]))
    assert np.max(cents[5:-5]) < 1.5 * config.pitch_cents
    assert np.min(strength[0, 5:-5]) > 0.8
    noise = jax.random.normal(jax.random.key(0), (1, 32000)) * 0.1
    assert np.median(pitch_tracker.track(noise, config)[1]) < 0.4


def test_a_reconstruction_is_nearest_to_itself(speech):
    wave = jnp.asarray(speech(16000))[None]
    for loss in (MelLoss(), StftLoss()):
        same, near, far = (loss(one, wave, 16000) for one in (wave, wave + 1e-3, 0 * wave))
        assert same.shape == (1,) and 0 == same < near < far


def passed(params, config, wave, **settings):
    """`Objective.forward` of clips without added noise."""
    rows = jnp.zeros(len(wave), jnp.int32)
    inputs = GradInputs(jnp.int32(0), params, {}, {})
    return Stage1(config, Recipe(**settings)).forward(
        params, inputs, Batch(wave, wave, wave, rows, rows)
    )


def test_gradients_are_finite_on_silence_and_on_speech(tiny, speech):
    config, params = tiny

    def loss(params, wave):
        found = passed(params, config, wave)
        spectral = [jnp.sum(loss(found.wave, wave, 16000)) for loss in (MelLoss(), StftLoss())]
        return sum(spectral) + found.terms["pitch"]

    gradient = jax.jit(jax.grad(loss))
    for wave in (np.zeros((1, 8000), np.float32), speech(8000)[None]):
        leaves = jax.tree.leaves(gradient(params, wave))
        assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in leaves)


def test_training_decodes_as_decoding_does(tiny, speech, monkeypatch):
    """Where both have the same pitch, `forward` and `decode` are the same function."""
    config, params = tiny
    params = jax.tree.map(jnp.copy, params)
    head = params["decoder"]["to_pitch"]
    head["kernel"], head["bias"] = 0 * head["kernel"], head["bias"].at[77].set(1.0)
    monkeypatch.setattr(
        pitch_tracker, "track", lambda *_: (jnp.full((1, 40), 77), jnp.ones((1, 40), jnp.float32))
    )
    wave = jnp.asarray(speech(8000))[None]
    decoded = model.decode(params, config, model.encode(params, config, wave))
    monkeypatch.setattr(jax.random, "randint", lambda *_: jnp.int32(0))  # where noise starts
    found = passed(params, config, wave, precision="float32")
    assert float(jnp.std(decoded)) > 1e-3
    np.testing.assert_allclose(found.wave, decoded, atol=1e-5)


@pytest.mark.parametrize(
    "setting",
    [{"flip_near": -0.1}, {"flip_near": 1.1}, {"flip_anywhere": 2.0}, {"discriminator_rate": 0.0}],
)
def test_chances_and_lengths_that_cannot_be_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        Recipe(**setting)


def test_the_decoder_hears_what_the_quantizer_makes_of_latents(tiny, speech):
    config, params = tiny
    wave = jnp.asarray(speech(8000))[None]

    @functools.partial(jax.jit, static_argnums=0)
    def decoded(anywhere):
        return passed(params, config, wave, precision="float32", flip_anywhere=anywhere).wave

    right, wrong = decoded(0.0), decoded(1.0)
    assert np.max(np.abs(right - wrong)) > 1e-3


def batch(speech, samples: int, rows: int = 2) -> Batch:
    wave = np.stack([speech(samples, seed=seed) for seed in range(rows)])
    return Batch(wave, wave, wave, np.arange(rows, dtype=np.int32), np.zeros(rows, np.int32))


def test_stage_two_leaves_the_encoder_bit_for_bit_and_trains_the_rest(tiny, speech):
    config, params = tiny
    recipe = Recipe(
        stage=2, steps=10, warmup=1, seconds=0.5, batch_size=2, discriminator_seconds=0.1,
        discriminator_windows=(256,),
    )  # fmt: skip
    state = step.create(jax.tree.map(jnp.copy, params), config, recipe)
    discriminator = jax.tree.map(np.asarray, state.discriminator)
    update = jax.jit(step.update, static_argnums=(2, 3))
    for _ in range(3):
        state, results = update(state, batch(speech, 8000), config, recipe)
    assert all(np.isfinite(value).all() for value in results.values())
    for tree in (state.params, state.ema):
        jax.tree.map(np.testing.assert_array_equal, tree["encoder"], params["encoder"])
    before = jax.tree.leaves((params["decoder"], discriminator))
    after = jax.tree.leaves_with_path((state.params["decoder"], state.discriminator))
    for (path, leaf), old in zip(after, before, strict=True):
        # The hinge pulls the bias of the last layer up as much as down at first.
        name = jax.tree_util.keystr(path)
        last = name.endswith("['Dense_4']['bias']")
        assert last or not np.array_equal(leaf, old), name


def test_a_gradient_that_is_not_finite_changes_nothing_but_the_counts(tiny, speech):
    config, params = tiny
    state = step.create(params, config, RECIPE)
    update = jax.jit(step.update, static_argnums=(2, 3))
    good = batch(speech, 8000)
    bad = good._replace(noisy=np.where(np.arange(8000) == 77, np.nan, good.noisy))
    one, _ = update(state, good, config, RECIPE)
    two, results = update(one, bad, config, RECIPE)
    assert int(two.step) == 2 and int(two.skipped) == int(two.skipped_in_a_row) == 1
    assert not np.isfinite(results["loss"]) and int(results["skipped_in_a_row"]) == 1
    for name in ("params", "ema", "optimizer"):
        jax.tree.map(np.testing.assert_array_equal, getattr(two, name), getattr(one, name))
    three, _ = update(two, good, config, RECIPE)
    assert (int(three.skipped), int(three.skipped_in_a_row)) == (1, 0)
    assert not np.array_equal(*(jax.tree.leaves(x.params)[0] for x in (three, two)))


def test_the_target_is_what_is_to_come_out(tiny, speech):
    config, params = tiny
    state = step.create(params, config, RECIPE)
    update = jax.jit(step.update, static_argnums=(2, 3))
    same = batch(speech, 8000)
    _, plain = update(state, same, config, RECIPE)
    _, other = update(state, same._replace(target=0.1 * same.noisy), config, RECIPE)
    for name in ("mel", "stft", "pesq_loss", "timbre", "level"):
        assert not np.allclose(plain[name], other[name]), name
    for name in ("stoi_loss", "pitch"):
        np.testing.assert_array_equal(plain[name], other[name], err_msg=name)
    _, other = update(state, same._replace(recording=same.noisy[::-1]), config, RECIPE)
    for name in ("stoi_loss", "pitch"):
        assert not np.allclose(plain[name], other[name]), name


def test_schedules_are_linear_between_their_points():
    points = ((10, 1.0), (20, 3.0))
    values = [float(schedule.value_at(points, jnp.int32(at))) for at in (0, 10, 15, 20, 99)]
    assert values == [1.0, 1.0, 2.0, 3.0, 3.0]
    assert float(schedule.value_at(0.5, jnp.int32(7))) == 0.5
    rate = optimizer.learning_rate(Recipe(steps=100, warmup=10, learning_rate=1e-3))
    assert float(rate(10)) == pytest.approx(1e-3) and float(rate(100)) == pytest.approx(2e-5)
    assert float(optimizer.learning_rate(Recipe(learning_rate=points))(15)) == 2.0


def test_discriminator_losses_tell_right_from_wrong():
    def scored(value: float) -> list:
        return [(jnp.full((2, 7, 3), value), [jnp.full((2, 7, 4, 96), value)])]

    assert float(discriminators.discriminator_loss(scored(1.0), scored(-1.0))) == 0
    assert float(discriminators.discriminator_loss(scored(-1.0), scored(1.0))) == 4
    assert float(discriminators.adversarial_loss(scored(1.0))) == -1
    assert float(discriminators.matching_loss(scored(1.0), scored(1.0))) == 0
    assert float(discriminators.matching_loss(scored(1.0), scored(0.0))) == pytest.approx(1)


def test_discriminators_learn_to_tell_speech_from_noise(speech):
    """And by bands: each has scores of its own."""
    real = jnp.asarray(np.stack([speech(8000, seed=seed) for seed in range(2)]))
    fake = 0.1 * jax.random.normal(jax.random.key(0), real.shape)
    net = discriminators.Discriminators((256,))
    discriminator = net.init(jax.random.key(1), real)
    ((scores, features),) = net.apply(discriminator, real)
    assert scores.shape == (2, 7, 110) and features[-1].shape == (2, 7, 110, 96)

    adam = optax.adam(1e-3)

    @jax.jit
    def learn(discriminator, moments):
        def apart(discriminator):
            both = net.apply(discriminator, real), net.apply(discriminator, fake)
            return discriminators.discriminator_loss(*both)

        value, grads = jax.value_and_grad(apart)(discriminator)
        updates, moments = adam.update(grads, moments)
        return value, optax.apply_updates(discriminator, updates), moments

    first, discriminator, moments = learn(discriminator, adam.init(discriminator))
    for _ in range(60):
        last, discriminator, moments = learn(discriminator, moments)
    assert first > 1.5 and last < 0.5
    ((scores, _),) = net.apply(discriminator, real[:, : discriminators.shortest((256,))])
    assert scores.shape[-1] == 1


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory) -> TrainConfig:
    """A run with an evaluation."""
    session = dataclasses.replace(SESSION, eval_data=str(corpus), eval_clips=1)
    config = settings(corpus, tmp_path_factory.mktemp("trained") / "run", session=session)
    assert loop.train(config) == Path(config.out) / "model"
    return config


def test_a_run_leaves_weights_that_tokenize(corpus, trained, tmp_path, speech):
    run = Path(trained.out)
    assert [line["step"] for line in read(run)] == list(range(12))
    # It is evaluated after its last step, whatever `eval_steps` is.
    (evaluated,) = (run / "eval.jsonl").read_text().splitlines()
    assert json.loads(evaluated)["step"] == 12
    tokenizer = AudioTokenizer.from_pretrained(run / "model")
    assert len(tokenizer.encode(speech(8000), 16000)) == 40
    # Stage 2 starts from them and keeps their tokens.
    recipe = dataclasses.replace(RECIPE, stage=2, steps=2, discriminator_seconds=0.1)
    second = loop.train(settings(corpus, tmp_path / "two", recipe=recipe, init=str(run / "model")))
    np.testing.assert_array_equal(
        AudioTokenizer.from_pretrained(second).encode(speech(8000), 16000),
        tokenizer.encode(speech(8000), 16000),
    )


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 200_000, "\xff"])
def test_a_run_whose_settings_are_damaged_says_so(text, tmp_path):
    config = TrainConfig(data=("x",), out=str(tmp_path), resume=True)
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match="config.json: not the settings of a run: ") as caught:
        folder.check(tmp_path, config, None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        # Names of an earlier version, of a later one, and one that this version has added.
        (lambda it: it["recipe"].update(critic_every=1), r"version with other settings \(recipe.c"),
        (lambda it: it.update(colour="red"), r"version with other settings \(colour\)"),
        (lambda it: it["recipe"].pop("ema"), r"version with other settings \(recipe.ema\)"),
        (lambda it: it["recipe"].update(ema=0.5), "started with other settings: recipe.ema$"),
        (
            lambda it: it["recipe"]["losses"]["mel"].update(reference="recording"),
            "started with other settings: recipe.losses.mel.reference$",
        ),
        (
            lambda it: it["recipe"]["losses"].pop("level"),
            "started with other settings: recipe.losses.level.reference, recipe.losses.level.s",
        ),
    ],
)
def test_a_run_of_other_settings_or_of_another_version_is_not_resumed(change, message, tmp_path):
    config = TrainConfig(data=("x",), out=str(tmp_path), resume=True)
    clips = SimpleNamespace(fingerprint="f")
    folder.claim(tmp_path, config, clips)
    folder.check(tmp_path, config, clips)
    kept = json.loads((tmp_path / "config.json").read_text())
    change(kept)
    (tmp_path / "config.json").write_text(json.dumps(kept))
    with pytest.raises(ValueError, match=message) as caught:
        folder.check(tmp_path, config, clips)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_damaged_lines_of_metrics_end_no_run(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n\xff{[\n{"step": "x"}\n[]\n{"step": 5}\n{"step"')
    with jsonl._reopen(path, 3):
        pass
    assert path.read_bytes() == b'{"step": 1}\n\xff{[\n{"step": "x"}\n[]\n'


def test_a_run_is_neither_overwritten_nor_resumed_with_other_settings(trained, tmp_path):
    with pytest.raises(ValueError, match="no run to resume"):
        loop.train(dataclasses.replace(trained, out=str(tmp_path), resume=True))
    with pytest.raises(ValueError, match="--resume"):
        loop.train(trained)
    other = dataclasses.replace(RECIPE, seed=1)
    with pytest.raises(ValueError, match="recipe.seed"):
        loop.train(dataclasses.replace(trained, resume=True, recipe=other))


def test_a_run_without_its_targets_leaves_nothing(corpus, tmp_path):
    config = settings(corpus, tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="gone: no such file or folder"):
        loop.train(dataclasses.replace(config, targets=str(tmp_path / "gone")))
    assert not (tmp_path / "run").exists()


def test_gradients_that_stay_infinite_end_the_run_and_name_the_step(corpus, tmp_path, monkeypatch):
    real, steps = pipeline.Loader.__next__, itertools.count()

    def broken(loader):
        drawn = real(loader)
        return drawn if next(steps) < 3 else drawn._replace(audio=np.nan * drawn.audio)

    monkeypatch.setattr(pipeline.Loader, "__next__", broken)
    recipe = dataclasses.replace(RECIPE, patience=2)
    with pytest.raises(FloatingPointError, match="2 steps in a row, up to step 4"):
        loop.train(settings(corpus, tmp_path / "run", recipe=recipe))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: loop.train(TrainConfig()), "no data"),
        (lambda: Recipe(stage=3), "stage"),
        (lambda: loop.train(TrainConfig(data=("x",), recipe=Recipe(stage=2))), "--init"),
        (
            lambda: loop.train(
                TrainConfig(data=("x",), recipe=Recipe(stage=2, discriminator_seconds=0.01))
            ),
            "would get 160 samples of a crop, and need 8192",
        ),
        (
            lambda: loop.train(
                TrainConfig(data=("x",), init="speech-40hz-v1", codec=DEEPER, recipe=RECIPE)
            ),
            "it would be theirs with --set codec.encoder_depth=5 --set codec.decoder_depth=7",
        ),
        (
            lambda: loop.train(
                TrainConfig(data=("x",), init="speech-40hz-v1", codec=TWO_WINDOWS, recipe=RECIPE)
            ),
            "it would be theirs with --set codec.short_n_fft=0",
        ),
        (lambda: Recipe(steps=0), "steps"),
        (lambda: Recipe(batch_size=6, accumulate=4), "accumulate=4"),
        (lambda: Recipe(entropy_weight=((5, 1.0), (5, 2.0))), "entropy_weight"),
        (lambda: Session(minutes=-1.0), "minutes"),
        (lambda: Session(profile=(3, 3)), "profile"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_last_saves_and_the_best_one_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    state = State(*[jnp.zeros(3)] * len(State._fields))
    for number, score in ((1, 0.1), (2, 0.9), (3, None), (4, 0.5), (5, None), (6, None)):
        checkpoints.save(number, state, score)
    checkpoints.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "5", "6"]


def command(corpus: Path, run: Path, *options: str) -> list[str]:
    base = [sys.executable, "-m", "audiotok_jax", "train", *OPTIONS, "--save-minutes", "1e-9"]
    return [*base, "--data", str(corpus), "--out", str(run), *options]


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory) -> Path:
    """A run that was left alone."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    subprocess.run(command(corpus, run), check=True, capture_output=True)
    return run


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_a_run_that_was_interrupted_goes_on_exactly(corpus, whole, tmp_path, number):
    """Losses of every step, as written, are those of a run that was left alone."""
    cut = tmp_path / "cut"
    process = subprocess.Popen(
        command(corpus, cut), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while len(read(cut)) < 5:
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.communicate()
    assert process.returncode == (0 if number == signal.SIGTERM else -number)
    assert len(read(cut)) < STEPS
    subprocess.run(command(corpus, cut, "--resume"), check=True, capture_output=True)
    assert read(cut) == read(whole)
    assert weights(cut).read_bytes() == weights(whole).read_bytes()


@pytest.mark.slow
def test_two_minutes_on_twenty_clips_lower_the_loss(tmp_path, speech):
    root = tmp_path / "corpus"
    root.mkdir()
    for seed in range(20):
        audio.write(root / f"{seed}.flac", speech(48000, seed=seed), 16000)
    base = [sys.executable, "-m", "audiotok_jax", "train", "--preset", "small-80hz"]
    subprocess.run(
        [*base, "--data", str(root), "--out", str(tmp_path / "run"), "--minutes", "2"],
        env=os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "0"},
        check=True,
    )
    mel = [line["mel"] for line in read(tmp_path / "run")]
    assert np.mean(mel[-10:]) < 0.6 * np.mean(mel[:10])


def test_a_lost_terminal_stops_a_run_and_nohup_does_not():
    for handler, expected in ((signal.SIG_DFL, [signal.SIGHUP]), (signal.SIG_IGN, [])):
        before = signal.signal(signal.SIGHUP, handler)
        try:
            with loop._signals() as stopped:
                os.kill(os.getpid(), signal.SIGHUP)
                assert stopped == expected
            assert signal.getsignal(signal.SIGHUP) == handler
        finally:
            signal.signal(signal.SIGHUP, before)
