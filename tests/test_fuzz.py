"""experiments/robustness/fuzz.py: a short run, and that faults which are planted are found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

ROBUSTNESS = Path(__file__).parent.parent / "experiments" / "robustness"
sys.path.insert(0, str(ROBUSTNESS))

from fuzzing import (  # noqa: E402
    archives,
    audio_files,
    corpora,
    model_files,
    mutations,
    tables,
    token_files,
    workers,
)
from fuzzing.target import Silent, Target  # noqa: E402
from fuzzing.workers import FAULTS, Outline, Result, Worker  # noqa: E402

from audiotok_jax import audio, pretrained, tokenfile  # noqa: E402
from audiotok_jax.corpus import verify  # noqa: E402
from audiotok_jax.data import tables as product_tables  # noqa: E402


def test_short_run(tmp_path):
    """Some inputs of each reader: nothing goes wrong."""
    out = tmp_path / "fuzz.json"
    command = [sys.executable, str(ROBUSTNESS / "fuzz.py"), "--out", str(out), "--jobs", "1"]
    done = subprocess.run([*command, "--count", "150"], capture_output=True, text=True)
    assert out.exists(), done.stderr
    found = json.loads(out.read_text())
    assert found["found"] == []
    assert done.returncode == 0, done.stderr
    assert found["inputs"] == 150 == sum(one["inputs"] for one in found["readers"].values())
    assert len(found["readers"]) > 30 and found["peak_mib"] < 1024
    # Mutants are neither all alike nor all the same as what they were made of.
    outcomes = {name for one in found["readers"].values() for name in one}
    assert outcomes == {"inputs", "refused", "same", "changed"}


def examined(target: Target, data: bytes) -> str:
    whole = target.path.read_bytes()
    outcome, _ = workers.examine(target, whole, data)
    assert target.path.read_bytes() == whole
    return outcome


@pytest.mark.parametrize(
    ("does", "outcome"),
    [
        (True, "same"),
        (False, "changed"),
        (ValueError("a.wav: bad"), "refused"),
        (FileNotFoundError(2, "not there", "a.wav"), "refused"),
        (ValueError("bad"), "unclear"),
        (OSError("bad"), "unclear"),
        (KeyError("a.wav"), "traceback"),
        (AssertionError("a.wav"), "traceback"),
        (RecursionError("a.wav"), "traceback"),
        (MemoryError("a.wav"), "memory"),
        (Silent("half of it"), "silent"),
    ],
)
def test_outcomes(tmp_path, does, outcome):
    path = tmp_path / "a.wav"
    path.write_bytes(b"whole")

    def check(data: bytes) -> bool:
        assert path.read_bytes() == data == b"mutant"
        if isinstance(does, Exception):
            raise does
        return does

    assert examined(Target("audio", 1, path, (), check, path), b"mutant") == outcome


def dead_ends(folder: Path) -> list[Target]:
    """Readers that do not come back, and one that does."""

    def ends() -> bool:
        os._exit(3)

    ways = (signal.pause, ends, lambda: True)
    return [
        Target(
            *("audio", 1, folder / "a.wav", (lambda data, random: data,)),
            *(lambda data, way=way: way(), folder),
        )
        for way in ways
    ]


def test_watched(tmp_path, monkeypatch):
    """What hangs or dies is told, and another process goes on."""
    monkeypatch.setattr(workers, "SECONDS", 0.2)
    (tmp_path / "a.wav").write_bytes(b"whole")
    worker = Worker(tmp_path, dead_ends, 0)
    try:
        about = Result(0, "audio", "a.wav", "")
        assert worker.run(0, about).outcome == "hang"
        monkeypatch.setattr(workers, "SECONDS", 100)
        assert worker.run(1, about).outcome == "crash"
        assert worker.run(2, about).outcome == "same"
        monkeypatch.setattr(workers, "MEMORY", 1 << 20)
        assert worker.run(2, about).outcome == "memory"
    finally:
        worker.stop()


@pytest.fixture(scope="module")
def targets(tmp_path_factory) -> dict[str, Target]:
    """Each reader's first target, by its name."""
    folder = tmp_path_factory.mktemp("whole").resolve()
    found: list[Target] = []
    for part in (audio_files, tables, archives, token_files, model_files, corpora):
        part.make(folder)
        found += part.targets(folder)
    return {target.reader: target for target in reversed(found)}


def test_whole_files(targets):
    """Each reader takes what nothing was done to."""
    for target in targets.values():
        assert examined(target, target.path.read_bytes()) == "same", target.reader


def read_less(of, keep):
    """Loses some of what is read."""
    return lambda *args, **options: keep(of(*args, **options))


PLANTED = {
    "audio, wav": (audio, "stream", lambda found: (found[0], [next(found[1])[:-1]])),
    ".tsv": (product_tables, "read", lambda rows: rows[:-1]),
    ".csv": (product_tables, "read", lambda rows: [rows[0]._replace(columns={}), *rows[1:]]),
    ".atok": (tokenfile, "read", lambda found: tokenfile.TokenFile(
        found.tokens[::-1], found.model_id, 16000, 200, found.num_samples, found.bits)),
    "config": (pretrained, "load", lambda found: found._replace(model_id="0" * 16)),
    "card": (verify, "check_files", lambda found: iter(())),
}  # fmt: skip


@pytest.mark.parametrize("reader", PLANTED)
def test_planted(targets, monkeypatch, reader):
    """A reader that loses something, and says nothing, is found."""
    module, name, keep = PLANTED[reader]
    target = targets[reader]
    data = target.path.read_bytes()
    if reader == "card":
        data = data.replace(b'"clips": 4', b'"clips": 5')
    monkeypatch.setattr(module, name, read_less(getattr(module, name), keep))
    assert examined(target, data) == "silent"


def test_mutants():
    """They follow from the seed and the number of the input alone, and are not all refused."""
    target = Target("any", 1, Path("a"), mutations.TEXT, lambda data: True, Path("a"))
    whole = b'{"a": [1, 2], "b": "clips/01.wav"}\n' * 9
    made = [workers.mutant(target, whole, 1, number) for number in range(200)]
    assert made == [workers.mutant(target, whole, 1, number) for number in range(200)]
    assert len({data for data, _ in made}) > 150
    assert made != [workers.mutant(target, whole, 2, number) for number in range(200)]


def test_mutations_of_json():
    """Values become others, keys go, come twice, or get other names."""
    whole = json.dumps({"a": 1, "b": [1, {"c": "x"}]}).encode()
    made = [mutations.value(whole, Random(number)) for number in range(300)]
    assert any(data.count(b'"a"') == 2 for data in made)
    assert any(len(data) > 100_000 for data in made)
    read = [json.loads(data) for data in made if len(data) < 1000]
    assert any("a" not in tree for tree in read)
    assert any(tree.get("a") is True for tree in read)


def test_schedule():
    """All readers come, and by their shares, for any count."""
    targets = [Outline("a", 10, "a"), Outline("b", 1, "b"), Outline("a", 10, "c")]
    turns = workers.schedule(targets, 2100)
    assert np.bincount(turns).tolist() == [1000, 100, 1000]
    assert set(workers.schedule(targets, 3)) == {0, 1, 2}
    assert set(FAULTS) == {"traceback", "unclear", "silent", "hang", "memory", "crash"}
