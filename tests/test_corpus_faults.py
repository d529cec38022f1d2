"""Corpora of tokens when things go wrong: bad clips, deaths, full disks, second writers."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotok_jax import audio, corpus, pretrained
from audiotok_jax.cli import main
from audiotok_jax.commands.corpus import run
from audiotok_jax.corpus import plan, workers
from audiotok_jax.corpus.decoding import Shape
from audiotok_jax.corpus.inputs import Original, find
from audiotok_jax.corpus.plan import Plan, Settings

SHAPE = Shape(16000, 800, (100, 100))


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory) -> str:
    """A folder with the tiny model."""
    config, params = tiny
    folder = tmp_path_factory.mktemp("model")
    pretrained.save(folder, params, config)
    return str(folder)


@pytest.fixture(scope="module")
def clips(tmp_path_factory, speech) -> Path:
    """A folder of short clips."""
    root = tmp_path_factory.mktemp("clips")
    for number in range(24):
        audio.write(root / f"{number:02}.wav", speech(3000 + 400 * number, seed=number), 16000)
    return root


def arguments(inputs: Path, out: Path, model: str, *options: object) -> list[str]:
    """Those of `corpus run`."""
    given = ["--out", out, "--model", model, "--workers", 0, "--shard-clips", 4]
    return [str(one) for one in ("corpus", "run", inputs, *given, *options)]


def contents(out: Path) -> dict[str, bytes]:
    """The bytes of all files of a corpus."""
    return {
        str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(clips, model, tmp_path_factory) -> dict[str, bytes]:
    """What a run gives that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert main(arguments(clips, out, model)) == 0
    return contents(out)


def plant(folder: Path, speech) -> set[str]:
    """Puts files into a folder that cannot be read; returns their names."""
    good = folder / "good.flac"
    audio.write(good, speech(20000), 16000)
    data = good.read_bytes()
    (folder / "empty.wav").touch()
    (folder / "cut.flac").write_bytes(data[: len(data) // 2])
    (folder / "random.ogg").write_bytes(np.random.default_rng(0).bytes(5000))
    soundfile.write(folder / "nan.wav", np.full(3000, np.nan), 16000, "FLOAT")
    (folder / "text.mp3").write_text("no audio at all")
    soundfile.write(folder / "nothing.wav", np.zeros(0), 16000)
    (folder / "folder.wav").mkdir()
    (folder / "dangling.wav").symlink_to(folder / "absent")
    os.mkfifo(folder / "pipe.wav")
    with open(folder / "sparse.wav", "wb") as file:
        file.truncate(10 << 30)
    good.rename(folder / "flac.wav")  # what is in it counts, and not its name
    return {path.name for path in folder.iterdir()} - {"flac.wav"}


@pytest.mark.parametrize("number", [0, 1])
def test_bad_clips_are_named_and_the_others_come_out(model, speech, tmp_path, number, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    bad = plant(folder, speech)
    for name in ("a.wav", "z.wav"):
        audio.write(folder / name, speech(5000), 16000)
    out = tmp_path / "out"
    assert main([*arguments(folder, out, model), "--workers", str(number)]) == 0
    assert [entry.id for entry in corpus.open(out)] == ["a.wav", "flac.wav", "z.wav"]
    errors = {
        line["id"]: line
        for line in map(json.loads, (out / "errors.jsonl").read_text().splitlines())
    }
    assert errors.keys() == bad
    reasons = {name: line["reason"] for name, line in errors.items()}
    assert all(line["path"] == str(folder / name) for name, line in errors.items())
    assert reasons["empty.wav"] == "the file is empty"
    assert reasons["nothing.wav"] == "the audio is empty"
    assert reasons["nan.wav"] == "samples hold NaN or infinity"
    assert reasons["folder.wav"] == "is a folder, not an audio file"
    assert reasons["dangling.wav"] == "No such file or directory"
    assert reasons["pipe.wav"] == "is a pipe, not an audio file"
    assert all(reasons.values()) and not any("\n" in reason for reason in reasons.values())
    assert f"{len(bad)} clips could not be read" in capsys.readouterr().err


def test_too_many_bad_clips_stop_the_run(clips, model, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.wav").touch()
    out = tmp_path / "out"
    command = arguments(folder, out, model, "--shard-clips", 1)
    assert main([*command, "--max-errors", "3"]) == 1
    err = capsys.readouterr().err
    assert f"more than 3 clips cannot be read, the last one {folder}/3.wav: the file is" in err
    assert sorted(path.name for path in out.glob("shards/*.json")) == [
        "00000.json", "00001.json", "00002.json"
    ]  # fmt: skip
    assert main([*command, "--max-errors", "2"]) == 1
    assert main([*command, "--max-errors", "6"]) == 0


class Deadly(Original):
    """A clip whose decoder dies."""

    @property
    def fault(self):
        os._exit(1)


class DeadlyPlan(Plan):
    """The clips `deadly` kill what decodes them, if the file `armed` is there."""

    def originals(self, shard):
        return [Deadly(*one) if one.id == "03.wav" else one for one in super().originals(shard)]


def make_plan(folder: Path, out: Path, kind=Plan) -> Plan:
    out.mkdir()
    clips = find([str(folder)])
    settings = Settings(
        (str(folder),), "", "0", "m", "0" * 16, 16000, 200, 16, "parquet", False, "", 4
    )
    return kind.write(out, settings, clips)


def test_a_clip_that_kills_its_decoder_is_given_up(clips, tmp_path):
    """Segmentation faults in libraries, want of memory."""
    plan = make_plan(clips, tmp_path / "out", DeadlyPlan)
    known = list(workers.decoded(make_plan(clips, tmp_path / "b"), plan.shards[:2], SHAPE, 0))
    found = list(workers.decoded(plan, plan.shards[:2], SHAPE, 2))
    [(number, piece)] = [pair for pair in found if pair[1].error]
    assert number == 3 and piece.error == "kills what decodes it"
    good = [pair for pair in found if not pair[1].error]
    wanted = [pair for pair in known if pair[0] != 3]
    assert len(good) == len(wanted)
    for (clip, piece), (same, expected) in zip(good, wanted, strict=True):
        assert clip == same and piece[1:] == expected[1:]
        np.testing.assert_array_equal(piece.data, expected.data)


def test_a_decoder_that_is_killed_by_chance_costs_nothing(clips, tmp_path):
    plan = make_plan(clips, tmp_path / "out")
    known = list(workers.decoded(plan, plan.shards, SHAPE, 0))
    before = set(multiprocessing.active_children())
    found = []
    for pair in workers.decoded(plan, plan.shards, SHAPE, 1):
        found.append(pair)
        if len(found) in (5, 40):  # the second in the middle of what was sent ahead
            [process] = set(multiprocessing.active_children()) - before
            os.kill(process.pid, signal.SIGKILL)
    assert len(found) == len(known)
    for (clip, piece), (same, expected) in zip(found, known, strict=True):
        assert clip == same and piece[1:] == expected[1:]
        np.testing.assert_array_equal(piece.data, expected.data)


@pytest.mark.parametrize("kind", ["parquet", "array_record", "flat"])
def test_a_disk_that_takes_no_more_stops_it_and_keeps_what_is_done(
    clips, model, tmp_path, capsys, kind
):
    out = tmp_path / "out"
    command = arguments(clips, out, model, "--format", kind, "--shard-clips", 8)
    assert main([*command, "--shard", "0/3"]) == 0
    size = max(path.stat().st_size for path in out.glob("shards/00000[.]*[!n]"))  # no receipt
    done = contents(out)
    with largest_file(size // 2):
        assert main(command) == 1
    err = capsys.readouterr().err
    assert f"{out}/shards/00001: " in err and "the same command goes on" in err, err
    assert contents(out) == done
    assert main(command) == 0
    assert len(corpus.open(out)) == 24


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Lets the system refuse to make a file larger than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def held(out: Path, count: int, first: int) -> Iterator[None]:
    """Another process that writes shards of a corpus, as far as locks tell."""
    file = f"open({str(out / '.lock')!r}, 'w')"
    hold = f"import fcntl; f = {file}; fcntl.lockf(f, fcntl.LOCK_EX, {count}, {first + 1})"
    code = f"{hold}; print('held', flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        assert other.stdout.readline() == "held\n"
        yield
        other.kill()


def test_a_second_writer_is_refused(clips, model, tmp_path, capsys):
    out, new = tmp_path / "out", tmp_path / "new"
    out.mkdir()
    assert main(arguments(clips, out, model, "--shard", "0/3")) == 0  # shards 0 and 1 of 6
    with held(out, 2, 2):
        capsys.readouterr()
        for part in ("0/1", "1/3", "1/2"):
            assert main(arguments(clips, out, model, "--shard", part)) == 1
            told = capsys.readouterr().err
            assert "another process makes this corpus" in told and "--shard I/N" in told
        assert main(arguments(clips, out, model, "--shard", "2/3")) == 0
    assert main(arguments(clips, out, model)) == 0
    new.mkdir()
    with held(new, 1, 0):
        export = ["corpus", "export", str(out), "--format", "flat", "--out", str(new)]
        assert main(export) == 1
        assert "another process makes this corpus; wait for its end\n" in capsys.readouterr().err
    assert main(export) == 0


def start(command: list[str]) -> multiprocessing.Process:
    """Runs a command in a process of its own, whose imports are done."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["audiotok_jax.commands.corpus.run"])
    process = context.Process(target=_command, args=(command,))
    process.start()
    return process


def _command(command: list[str]) -> None:
    sys.exit(main(command))


def test_a_run_that_is_killed_goes_on_to_the_same_bytes(clips, model, tmp_path, whole):
    out = tmp_path / "out"
    command = arguments(clips, out, model)
    process = start(command)
    while not (out / "shards" / "00002.json").exists():
        assert process.is_alive()
        time.sleep(0.001)
    process.kill()
    process.join()
    first = {path: path.stat().st_ino for path in out.glob("shards/0000[012].*")}
    stale = out / "shards" / ".00004.parquet.tmp"
    stale.write_bytes(b"half")
    assert main(arguments(clips, out, model, "--workers", 1)) == 0
    assert contents(out) == whole
    assert {path: path.stat().st_ino for path in first} == first  # these were not made again


@pytest.mark.slow
@pytest.mark.parametrize(("number", "parts"), [(1, 1), (3, 1), (1, 4), (3, 4)])
def test_twenty_kills_at_any_moment(clips, model, tmp_path, whole, number, parts):
    draw = random.Random(number * parts)
    out = tmp_path / "out"
    commands = [
        arguments(clips, out, model, "--workers", number, "--shard", f"{part}/{parts}")
        for part in range(parts)
    ]
    kills = duration = 0
    while kills < 20:
        begin = time.monotonic()
        process = start(commands[kills % parts])
        process.join(draw.uniform(0, duration) if duration else None)
        if process.is_alive():
            process.kill()
            kills += 1
        else:
            assert process.exitcode == 0
            duration = max(duration, time.monotonic() - begin)
        process.join()
        if (out / "corpus_card.json").exists():
            assert contents(out) == whole
            shutil.rmtree(out)
    for command in commands:
        assert main(command) == 0
    assert contents(out) == whole


def test_sigterm_ends_it_in_order(clips, model, tmp_path, whole):
    out = tmp_path / "out"
    process = start(arguments(clips, out, model))
    while not (out / "shards" / "00001.json").exists():
        assert process.is_alive()
        time.sleep(0.001)
    process.terminate()
    process.join()
    assert process.exitcode == 128 + signal.SIGTERM
    assert not list(out.glob("shards/.*")) and not (out / "corpus_card.json").exists()
    assert main(arguments(clips, out, model)) == 0
    assert contents(out) == whole


class Destroyed:
    """Is told to end in its destructor, where Python ignores what a signal handler raises."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_sigterm_in_a_destructor_ends_it_too(clips, model, tmp_path, whole, monkeypatch, capsys):
    events = []

    @contextmanager
    def showing(*_):
        def show(event):
            events.append(event)
            if len(events) == 7:  # in the second shard
                Destroyed()

        yield show

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(run, "showing", showing)
        with pytest.raises(SystemExit) as stopped:
            main(arguments(clips, out, model))
    assert stopped.value.code == 128 + signal.SIGTERM and len(events) == 7
    assert "the same command goes on" in capsys.readouterr().err
    assert not list(out.glob("shards/.*")) and len(list(out.glob("shards/*.json"))) == 1
    assert main(arguments(clips, out, model)) == 0
    assert contents(out) == whole


def test_damage_to_the_plan_or_a_receipt_is_told(clips, model, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(arguments(clips, out, model)) == 0
    receipt = out / "shards" / "00001.json"
    before = receipt.read_bytes()
    receipt.write_bytes(before[:50])
    assert main(arguments(clips, out, model)) == 1
    assert f"{receipt}: damaged, remove it" in capsys.readouterr().err
    receipt.write_bytes(before)
    (out / plan.PLAN).write_text("{}")
    assert main(arguments(clips, out, model)) == 1
    assert "not the plan of a corpus" in capsys.readouterr().err
