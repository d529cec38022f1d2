"""Tests of `audiotok bench`: what it says follows from what was timed; nothing here is timed."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax import cli, extras, pretrained
from audiotok_jax.bench import ours, peers, plan, report, rounds
from audiotok_jax.bench.rounds import Task, Timing

TIMES = st.floats(1e-3, 1e3)
RATES = st.floats(1e9, 1e15)


def timing(codec: str, seconds: list[float], rates: list[float], **more: Any) -> Timing:
    return Timing(Task("encode", codec, 10.0, lambda: None, **more), 1.5, seconds, rates)


def test_ratios_are_those_of_each_round():
    ours_ = timing("a", [1.0, 2.0, 4.0], [8e9, 4e9, 1e9], flops=2e10)
    first, second = report.rows([ours_, timing("b", [2.0, 2.0, 2.0], [8e9, 8e9, 8e9])])
    assert first["times_real_time"] == {"median": 5, "lowest": 2.5, "highest": 10}
    assert first["times_first"] == {"median": 1, "lowest": 1, "highest": 1}
    # 8, 8 and 4 GFLOP in the time of ten seconds of speech, for which 20 are done.
    assert first["gflop_in_its_time"] == pytest.approx(
        {"median": 0.8, "lowest": 0.4, "highest": 0.8}
    )
    assert first["gflop"] == 2
    assert first["share_of_products"] == pytest.approx({"median": 2.5, "lowest": 2.5, "highest": 5})
    assert first["step_ms"] is None and first["frame_ms"] is None
    assert second["times_first"] == {"median": 1, "lowest": 0.5, "highest": 2}
    assert second["gflop"] is None and second["share_of_products"] is None
    assert (second["seconds"], second["compile_seconds"]) == ([2.0] * 3, 1.5)


def test_a_step_of_streams_is_beside_the_frame_that_it_is_for():
    # Ten seconds of speech are 80 frames of each of four streams.
    [row] = report.rows([timing("a", [0.4, 0.8], [1e9, 1e9], streams=4, steps=200)])
    assert row["step_ms"] == pytest.approx({"median": 3, "lowest": 2, "highest": 4})
    assert row["frame_ms"] == 12.5
    header, cells = report.table([row])
    shown = dict(zip(header, cells, strict=True))
    assert shown["ms a step"] == "3.00 of 12.5"
    assert (shown["what, by which codec"], shown["x first"]) == ("encode, a", "1.00")
    assert (shown["GFLOP"], shown["share"]) == ("", "")


@given(st.lists(st.tuples(TIMES, TIMES, RATES), min_size=1, max_size=5), st.floats(0.1, 10), TIMES)
def test_a_machine_that_is_slower_at_all_changes_no_ratio(measured, slower, gflop):
    mine, other, rates = map(list, zip(*measured, strict=True))

    def found(scale: float) -> list[report.Row]:
        return report.rows(
            timing(name, [scale * t for t in times], [r / scale for r in rates], flops=gflop * 1e9)
            for name, times in (("a", mine), ("b", other))
        )

    for before, after in zip(found(1.0), found(slower), strict=True):
        for ratio in ("times_first", "gflop_in_its_time", "share_of_products"):
            assert after[ratio] == pytest.approx(before[ratio])
        speed = {name: value / slower for name, value in before["times_real_time"].items()}
        assert after["times_real_time"] == pytest.approx(speed)


def test_tasks_take_turns_and_products_come_before_each_run(monkeypatch):
    done: list[str] = []

    def logged(name: str) -> Any:
        return lambda *_: done.append(name)

    monkeypatch.setattr(rounds, "chain", lambda *_: (logged("products"), 1e9))
    clock = itertools.count()  # a tick a look
    monkeypatch.setattr(rounds.time, "perf_counter", lambda: float(next(clock)))
    tasks = [Task("encode", name, 1.0, logged(name)) for name in "ab"]
    found = rounds.measure(tasks, jax.devices()[0], 2, logged("round"))
    turn = ["round", "products", "a", "products", "b"]
    assert done == ["products", "round", "a", "b", *turn, *turn]
    assert [(one.seconds, one.rates) for one in found] == [([1.0, 1.0], [1e9, 1e9])] * 2


def test_compiling_is_told_apart(monkeypatch):
    monkeypatch.setattr(rounds, "PRODUCTS", {"cpu": (4, 1)})
    run = jax.jit(lambda x: x + 1)
    tasks = [Task("add", name, 1.0, lambda: run(1)) for name in "ab"]
    first, second = rounds.measure(tasks, jax.devices()[0], 1, lambda _: None)
    assert first.compiled > 0 == second.compiled
    assert jax.config.values["jax_enable_compilation_cache"]


SPREAD = {
    "type": "object",
    "required": ["median", "lowest", "highest"],
    "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
}
OFTEN = {"type": "array", "minItems": 2, "maxItems": 2, "items": SPREAD["additionalProperties"]}
ROW = {
    "what": {"type": "string"},
    "codec": {"type": "string"},
    "speech_seconds": {"type": "number"},
    "streams": {"type": "integer"},
    "steps": {"type": "integer"},
    "flops": {"type": ["number", "null"]},
    "compile_seconds": {"type": "number", "minimum": 0},
    "seconds": OFTEN,
    "product_flops_per_second": OFTEN,
    "times_real_time": SPREAD,
    "times_first": SPREAD,
    "step_ms": {"anyOf": [SPREAD, {"type": "null"}]},
    "frame_ms": {"type": ["number", "null"]},
    "gflop": {"type": ["number", "null"]},
    "gflop_in_its_time": SPREAD,
    "share_of_products": {"anyOf": [SPREAD, {"type": "null"}]},
}
FACTS = {
    "date": {"type": "string"},
    "commit": {"type": ["string", "null"]},
    "machine": {"type": "string"},
    "python": {"type": "string"},
    "libraries": {"type": "object", "required": ["jax", "jaxlib", "numpy"]},
    "device": {"type": "object", "required": ["platform", "kind", "cores"]},
    "load_average": {"type": "object", "required": ["before", "after"]},
    "settings": {"type": "object", "required": ["seconds", "rounds", "steps", "clip_seconds"]},
    "models": {"type": "object", "additionalProperties": {"pattern": "^[0-9a-f]{16}$"}},
    "left_out": {"type": "object", "additionalProperties": {"type": "string"}},
    "product_flops_per_second": SPREAD,
    "rows": {"type": "array", "items": {"type": "object"}},
}
FACTS["rows"]["items"] = {"required": list(ROW), "additionalProperties": False, "properties": ROW}
SCHEMA = {"required": list(FACTS), "additionalProperties": False, "properties": FACTS}

DOES = ("encode files", "decode files", "make a corpus", "encode 1 stream", "decode 1 stream")


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory) -> Path:
    """The folder of a tiny model."""
    path = tmp_path_factory.mktemp("model")
    config, params = tiny
    pretrained.save(path, params, config)
    return path


@pytest.fixture
def small(monkeypatch, tmp_path) -> Path:
    """Little to do, in an empty folder, by programs that other tests compile, too."""
    monkeypatch.setattr(rounds, "_no_cache", contextlib.nullcontext)
    monkeypatch.setattr(ours, "STREAMS", 2)
    monkeypatch.setattr(ours, "STEPS", 2)
    monkeypatch.setattr(rounds, "PRODUCTS", {"cpu": (8, 1)})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_is_measured_at_all_that_it_does(small, folder, capsys, monkeypatch):
    pytest.importorskip("pyarrow", reason="needs the extra `corpus`")
    monkeypatch.setattr(peers.peers.importlib.util, "find_spec", lambda name: None)
    arguments = ("--seconds", "11", "--rounds", "2", "--peers", "mimi", "--json", "a.json")
    assert cli.main(["bench", str(folder), *arguments]) == 0
    out, err = capsys.readouterr()
    found = json.loads(Path("a.json").read_text())
    jsonschema.validate(found, SCHEMA)
    assert found["left_out"] == {
        "mimi": "mimi:8: needs transformers and torch; pip install 'audiotok_jax[peers]'"
    }
    assert f"audiotok: mimi is left out: {found['left_out']['mimi']}\n" in err
    assert found["models"] == {str(folder): pretrained.load(folder).model_id}
    rows = found["rows"]
    assert [row["what"] for row in rows] == [*DOES, "encode 2 streams", "decode 2 streams"]
    assert all(row["codec"] == str(folder) for row in rows)
    assert all(row["flops"] > 0 for row in rows)
    lines = out.splitlines()
    assert len(lines) == 1 + len(rows) + 1 + 3
    for row, line in zip(rows, lines[1:], strict=False):
        assert line.startswith(f"{row['what']}, {folder.name} ")
    assert sorted(path.name for path in small.iterdir()) == ["a.json"]


def test_products_are_counted_of_the_windows_that_are_encoded(tiny, small):
    config, params = tiny
    loaded = pretrained.Model(params, config, "0" * 16, {})
    device = jax.devices()[0]

    def flops(seconds: int) -> list[float]:
        clips = ours.write_clips(small / str(seconds), seconds)
        return [task.flops for task in ours.of_files("a", loaded, clips, seconds, device)]

    # Windows of 3.2 s: one, four, and four of the first clip and one of the second.
    one, four, five = map(flops, (1, 10, 11))
    np.testing.assert_allclose(four, np.multiply(one, 4))
    np.testing.assert_allclose(five, np.multiply(one, 5))
    alone, both = (ours.of_streams("a", loaded, streams, device) for streams in (1, 2))
    for single, double in zip(alone, both, strict=True):
        assert double.flops == 2 * single.flops
        assert double.speech == 2 * single.speech == 2 * ours.STEPS / 80


def test_without_the_extra_there_is_no_corpus(tiny, small, monkeypatch):
    config, params = tiny
    for name in list(sys.modules):
        if name.startswith(("audiotok_jax.corpus", "audiotok_jax.bench.corpora")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    models = {"a": pretrained.Model(params, config, "0" * 16, {})}
    tasks, left_out = plan.tasks(models, [], 1, jax.devices()[0], small)
    assert "make a corpus" not in {task.what for task in tasks}
    assert left_out["a corpus"].startswith("needs the extra corpus: pip install")


def test_peers_are_not_measured_beside_another_device(tmp_path):
    tasks, left_out = plan.tasks({}, ["dac"], 1, SimpleNamespace(platform="gpu"), tmp_path)
    assert tasks == []
    assert left_out == {"dac": "it runs on the CPU, and not on the gpu"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nothing-80hz"], "no model 'nothing-80hz'"),
        (["--preset", "life-80hz"], "no preset 'life-80hz', did you mean live-80hz?"),
        (["--peers", "opus"], "no peer 'opus'; there are encodec, dac, mimi"),
        (["--json", "there.json"], "there.json exists; --force replaces it"),
        (["--json", "no/a.json"], "no/a.json: no such folder"),
    ],
)
def test_what_cannot_be_is_one_line(small, capsys, arguments, complaint):
    Path("there.json").write_text("old")
    assert cli.main(["bench", *arguments]) == 1
    err = capsys.readouterr().err
    assert err.startswith("audiotok: ") and complaint in err and err.count("\n") == 1
    assert [path.read_text() for path in small.iterdir()] == ["old"]


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--seconds", "1.5"]])
def test_a_number_that_cannot_be_is_a_wrong_argument(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["bench", *arguments])
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err
