"""Tokenizers that are copied, or sent to other processes, or reached by a fork."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor

import jax
import numpy as np
import pytest

from audiotok_jax import AudioTokenizer, forking, pretrained
from audiotok_jax.codec import model
from audiotok_jax.parallel import make_mesh

forks = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")


@pytest.fixture
def folder(tiny, tmp_path):
    config, params = tiny
    pretrained.save(tmp_path / "model", params, config)
    return tmp_path / "model"


def assert_same(one: AudioTokenizer, other: AudioTokenizer, wave) -> None:
    assert one.model_id == other.model_id and one.config == other.config
    np.testing.assert_array_equal(one.encode(wave, 16000), other.encode(wave, 16000))


def test_one_of_parameters_is_pickled_with_them(tokenizer, speech):
    again = pickle.loads(pickle.dumps(tokenizer))
    assert_same(again, tokenizer, speech(3000))
    assert_same(pickle.loads(pickle.dumps(again)), tokenizer, speech(3000))


def test_one_of_a_folder_is_pickled_by_its_path(folder, speech, monkeypatch):
    monkeypatch.chdir(folder.parent)
    made = AudioTokenizer.from_pretrained("model", devices=jax.devices()[:1])
    monkeypatch.chdir("/")
    sent = pickle.dumps(made)
    assert len(sent) < 2000
    assert_same(pickle.loads(sent), made, speech(3000))


def test_a_released_one_is_pickled_by_its_name(folder, monkeypatch):
    monkeypatch.setattr(pretrained, "MODELS", folder.parent)
    sent = pickle.dumps(AudioTokenizer.from_pretrained("model"))
    assert str(folder).encode() not in sent
    again = pickle.loads(sent)
    assert repr(again).startswith("AudioTokenizer('model', model_id=")


def test_arguments_are_pickled(tiny):
    config, params = tiny
    made = AudioTokenizer(params, config, windows_per_batch=3, devices=jax.devices()[2:4])
    again = pickle.loads(pickle.dumps(made))
    assert again._placed.rows == 6
    assert list(again._placed.mesh.devices.flat) == jax.devices()[2:4]


def test_devices_that_are_not_here_are_told_at_use(tiny, speech, monkeypatch):
    config, params = tiny
    sent = pickle.dumps(AudioTokenizer(params, config, devices=jax.devices()[7:]))
    few = jax.devices()[:2]
    monkeypatch.setattr(jax, "local_devices", lambda: few)
    again = pickle.loads(sent)
    with pytest.raises(ValueError, match="cpu:7"):
        again.encode(speech(3000), 16000)


@pytest.mark.parametrize("change", ["gone", "another"])
def test_a_model_that_changed_is_told_at_use(folder, speech, change):
    again = pickle.loads(pickle.dumps(AudioTokenizer.from_pretrained(folder)))
    if change == "gone":
        shutil.rmtree(folder)
    else:
        released = pretrained.load(folder)
        released.params["encoder"]["to_latent"]["bias"] += 1
        pretrained.save(folder, released.params, released.config)
    with pytest.raises((ValueError, FileNotFoundError), match=f"{folder}"):
        again.encode(speech(3000), 16000)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_share_the_parameters(tokenizer, speech, duplicate):
    twin = duplicate(tokenizer)
    assert twin is not tokenizer
    assert twin._placed is tokenizer._placed
    assert_same(twin, tokenizer, speech(3000))


def test_it_says_what_it_is(tokenizer, folder):
    assert repr(tokenizer) == (
        f"AudioTokenizer(model_id='{tokenizer.model_id}', bits=16, frame_rate=80)"
    )
    assert repr(AudioTokenizer.from_pretrained(folder)).startswith(f"AudioTokenizer('{folder}', ")


def in_a_fork(function) -> str:
    """The error of `function` in a forked process."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            function()
            message = "no error"
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
        os.write(writer, message.encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        message = pipe.read()
    os.waitpid(child, 0)
    return message


@forks
@pytest.mark.parametrize("use", ["encode", "decode", "make", "load", "pure", "mesh", "unpickled"])
def test_a_fork_is_told_at_once(tiny, folder, tokenizer, speech, use):
    config, params = tiny
    wave = speech(3000)
    sent = pickle.dumps(tokenizer)
    uses = {
        "encode": lambda: tokenizer.encode(wave, 16000),
        "decode": lambda: tokenizer.decode([1, 2, 3]),
        "make": lambda: AudioTokenizer(params, config),
        "load": lambda: AudioTokenizer.from_pretrained(folder),
        "pure": lambda: model.encode(params, config, wave[None]),
        "mesh": make_mesh,
        "unpickled": lambda: pickle.loads(sent).encode(wave, 16000),
    }
    message = in_a_fork(uses[use])
    assert message.startswith("RuntimeError: JAX had started before this process was forked")
    assert "spawn" in message


@forks
def test_a_fork_of_a_fork_is_told(tokenizer):
    def fork_again():
        raise LookupError(in_a_fork(lambda: tokenizer.decode([1])))

    assert in_a_fork(fork_again).startswith("LookupError: RuntimeError: JAX had started")


@forks
def test_pools_that_fork_are_told(tokenizer, speech):
    fork = multiprocessing.get_context("fork")
    with fork.Pool(1) as pool, pytest.raises(RuntimeError, match="forked"):
        pool.starmap(tokenizer.encode, [(speech(3000), 16000)])
    with ProcessPoolExecutor(1, fork) as pool, pytest.raises(RuntimeError, match="forked"):
        pool.submit(tokenizer.decode, [1, 2]).result()


def test_a_pool_that_spawns_computes(tokenizer, speech):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        [tokens] = pool.starmap(tokenizer.encode, [(speech(3000), 16000)])
    np.testing.assert_array_equal(tokens, tokenizer.encode(speech(3000), 16000))


@forks
def test_a_fork_before_jax_started_computes(monkeypatch):
    """As in a process that makes workers first."""
    monkeypatch.setattr(forking.xla_bridge, "backends_are_initialized", lambda: False)
    assert in_a_fork(forking.refuse_forked) == "no error"
