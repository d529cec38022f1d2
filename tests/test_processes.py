"""Runs of several processes: the same results, interruptions, other numbers of devices."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from training import ENVIRONMENT, OPTIONS, STEPS, read, weights

from audiotok_jax import audio

LAUNCH = Path(__file__).resolve().parent.parent / "launch"
SAVES = (
    "--save-minutes", "60", "--set", "session.save_steps=3", "--set", "session.keep=9",
)  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, speech) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    for number in range(8):
        audio.write(root / f"{number}.wav", speech(16000, seed=number), 16000)
    return root


def command(corpus: Path, run: Path, *more: str) -> list[str]:
    base = [sys.executable, "-m", "audiotok_jax", "train", *OPTIONS, *SAVES, *more]
    return [*base, "--data", str(corpus), "--out", str(run)]


def start(corpus: Path, run: Path, processes: int, devices: int, *more: str) -> list:
    """Starts the processes of a run, each with so many devices."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    together = ("--processes", str(processes), "--coordinator", f"127.0.0.1:{port}")
    environment = ENVIRONMENT | {"JAX_NUM_CPU_DEVICES": str(devices)}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return [
        subprocess.Popen(
            command(corpus, run, *more, *together, "--process", str(number)),
            env=environment,
            **pipes,
        )
        for number in range(processes)
    ]


def finish(processes: list, code: int = 0) -> None:
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == code, errors


def train(*args: object) -> None:
    finish(start(*args))


def saves(run: Path) -> list[int]:
    return sorted(int(path.name) for path in (run / "checkpoints").iterdir() if path.name.isdigit())


def wait_for(run: Path, lines: int, processes: list) -> None:
    while len(read(run)) < lines:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)


def assert_same(run: Path, whole: Path) -> None:
    """Bit for bit."""
    assert read(run) == read(whole)
    assert weights(run).read_bytes() == weights(whole).read_bytes()


def assert_close(run: Path, whole: Path) -> None:
    """To 1e-5; the weights are written in float16."""
    mine, theirs = read(run), read(whole)
    assert [line["step"] for line in mine] == list(range(STEPS))
    for one, other in zip(mine, theirs, strict=True):
        for name, value in other.items():
            np.testing.assert_allclose(one[name], value, rtol=1e-5, atol=1e-5, err_msg=name)
    found, wanted = load_file(weights(run)), load_file(weights(whole))
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def pair(corpus, tmp_path_factory) -> Path:
    """A run of two processes with four devices each that was left alone."""
    run = tmp_path_factory.mktemp("runs") / "pair"
    train(corpus, run, 2, 4)
    return run


@pytest.fixture(scope="module")
def one(corpus, tmp_path_factory) -> Path:
    """A run of one process with one device."""
    run = tmp_path_factory.mktemp("runs") / "one"
    train(corpus, run, 1, 1)
    return run


@pytest.fixture(scope="module")
def stopped(corpus, tmp_path_factory) -> Path:
    """A run of two processes of which one got a signal."""
    run = tmp_path_factory.mktemp("runs") / "stopped"
    processes = start(corpus, run, 2, 4)
    wait_for(run, 2, processes)
    processes[1].send_signal(signal.SIGTERM)
    finish(processes)
    return run


@pytest.fixture(scope="module")
def resumed(corpus, stopped) -> Path:
    """The same, after it went on to the end, started by launch/multiprocess.sh."""
    run = stopped.with_name("resumed")
    shutil.copytree(stopped, run)
    subprocess.run(
        [LAUNCH / "multiprocess.sh", "2", *command(corpus, run, "--resume")],
        env=ENVIRONMENT | {"JAX_NUM_CPU_DEVICES": "4", "PYTHON": sys.executable},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    session = json.loads((run / "sessions.jsonl").read_text().splitlines()[-1])
    assert session["processes"] == 2 and len(session["devices"]) == 8
    return run


@pytest.fixture(scope="module")
def half(resumed, tmp_path_factory) -> Callable[[], Path]:
    """Makes a run that ended after its save of step 6, and in the middle of the next."""
    folder = tmp_path_factory.mktemp("half")
    made = iter(range(9))

    def make() -> Path:
        run = folder / str(next(made))
        shutil.copytree(resumed, run)
        shutil.rmtree(run / "model")
        saves = run / "checkpoints"
        shutil.rmtree(saves / "12")
        cut = (saves / "9").rename(saves / "9.orbax-checkpoint-tmp")
        largest = max(cut.rglob("*"), key=lambda path: path.stat().st_size)
        largest.write_bytes(largest.read_bytes()[:10])
        return run

    return make


def test_a_signal_to_one_of_two_processes_stops_both_at_one_step(stopped):
    steps = [line["step"] for line in read(stopped)]
    assert steps == list(range(len(steps))) and len(steps) < STEPS
    assert saves(stopped)[-1] == len(steps)


def test_two_processes_train_and_go_on_as_one_does(one, resumed):
    assert_close(resumed, one)


@pytest.mark.slow
def test_two_processes_go_on_after_a_signal_bit_for_bit(pair, resumed):
    assert_same(resumed, pair)


@pytest.mark.slow
def test_two_killed_processes_go_on_bit_for_bit(corpus, pair, tmp_path):
    run = tmp_path / "run"
    processes = start(corpus, run, 2, 4)
    wait_for(run, 7, processes)
    for process in processes:
        process.kill()
    finish(processes, -signal.SIGKILL)
    assert len(read(run)) < STEPS and not (run / "model").exists()
    train(corpus, run, 2, 4, "--resume")
    assert_same(run, pair)


@pytest.mark.parametrize("devices", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_goes_on_with_other_devices_past_a_save_that_was_cut_short(
    corpus, one, half, devices
):
    run = half()
    train(corpus, run, 1, devices, "--resume")
    assert saves(run)[-3:] == [6, 9, 12]
    assert_close(run, one)


@pytest.mark.slow
def test_two_processes_go_on_past_a_save_that_was_cut_short_bit_for_bit(corpus, pair, half):
    run = half()
    train(corpus, run, 2, 4, "--resume")
    assert_same(run, pair)
