"""Corpora whose plan, receipts, card or shards were changed: it is told, and nothing else done."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotok_jax import corpus, tokenfile
from audiotok_jax.cli import main
from audiotok_jax.corpus import exporting, records, reports, shards, verify
from audiotok_jax.corpus.engines import Done
from audiotok_jax.corpus.formats import Layout
from audiotok_jax.corpus.inputs import Original
from audiotok_jax.corpus.plan import Plan, Settings, digest

IDS = [f"a/{n}.wav" for n in range(7)]
BROKEN = 2


def make(out: Path, ids: list[str] = IDS) -> Path:
    """Writes a corpus of shards of three clips, one of which cannot be read."""
    clips = [Original(one, f"/x/{n}.wav", {"speaker": "s"}) for n, one in enumerate(ids)]
    settings = Settings(
        inputs=("/x",),
        clips=digest(clips),
        version="1",
        model="m",
        model_id="0123456789abcdef",
        sample_rate=16000,
        hop_length=200,
        bits=16,
        format="parquet",
        compact=False,
        prior="",
        shard_clips=3,
    )
    (out / shards.FOLDER).mkdir(parents=True)
    plan = Plan.write(out, settings, clips)
    rng = np.random.default_rng(0)
    done = (
        Done(n, np.zeros(0, np.uint16), 0, "empty")
        if n == BROKEN
        else Done(n, rng.integers(0, 2**16, n + 1).astype(np.uint16), 200 * (n + 1), "")
        for n in range(len(ids))
    )
    for shard in plan.shards:
        list(shards.write(plan, shard, Layout(settings.about, plan.columns), done))
    reports.write(plan)
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("whole") / "out")


@pytest.fixture
def out(whole, tmp_path) -> Path:
    """A copy to be damaged."""
    shutil.copytree(whole, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def wrong(capsys) -> Callable[[Path], list[str]]:
    """What `corpus verify` says is wrong."""

    def wrong(out: Path) -> list[str]:
        code = main(["corpus", "verify", str(out), "--sample", "0"])
        lines = capsys.readouterr().err.splitlines()
        assert code == bool(lines), lines
        assert all(line.startswith("audiotok: ") for line in lines), lines
        return lines

    return wrong


FILES = ("plan.json", "shards/00000.json", "shards/00002.json", "corpus_card.json", "errors.jsonl")


def test_what_is_whole_is_whole(out, wrong):
    assert wrong(out) == []


@pytest.mark.parametrize("name", FILES)
def test_every_changed_byte_is_told(out, name):
    path = out / name
    before = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.permutation(len(before))[:150]:
        data = bytearray(before)
        data[place] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            lines = list(verify.check_files(corpus.open(out)))
        except ValueError as error:
            lines = [str(error)]
        assert lines and any(str(path) in line for line in lines), (place, lines)


def edited(path: Path, change: Callable[[dict[str, Any]], Any], seal: bool = True) -> None:
    """Changes a file, and its digest with it, or leaves it without one as former versions did."""
    fields = json.loads(path.read_text())
    del fields[records.DIGEST]
    change(fields)
    path.write_text(records._text(fields) if seal else json.dumps(fields))


def put(*keys: Any, value: Any) -> Callable[[dict[str, Any]], Any]:
    """Sets what lies under the keys."""

    def change(fields: Any) -> None:
        for key in keys[:-1]:
            fields = fields[key]
        fields[keys[-1]] = value

    return change


@pytest.mark.parametrize("seal", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        put("shards", value=[]),
        put("shards", 0, "name", value="../../x"),
        put("shards", 0, "name", value="/tmp/x"),
        put("shards", 0, "name", value="00001"),
        put("shards", 0, "name", value="0"),
        put("shards", 1, "first", value=4),
        put("shards", 2, "clips", value=4),
        put("shards", 2, "clips", value=-1),
        put("shards", 2, "clips", value=1.0),
        put("shards", value={}),
        put("shards", value=[[1]]),
        put("columns", value=["speaker", "speaker"]),
        put("columns", value=["id"]),
        put("layout", value=2),
        put("layout", value=True),
        put("settings", "bits", value=17),
        put("settings", "bits", value=0),
        put("settings", "bits", value="16"),
        put("settings", "hop_length", value=0),
        put("settings", "shard_clips", value=0),
        put("settings", "shard_clips", value=10**30),
        put("settings", "format", value="../x"),
        put("settings", "compact", value=1),
        put("settings", "inputs", value="abc"),
        put("settings", "more", value=1),
        put("more", value=1),
        lambda fields: fields["settings"].pop("bits"),
        lambda fields: fields.pop("shards"),
    ],
)
def test_plans_that_cannot_be_are_refused_by_all(out, tmp_path, capsys, change, seal):
    edited(out / "plan.json", change, seal)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    for action in (["verify", out], ["info", out], ["export", out, "--out", tmp_path / "new"]):
        options = ["--format", "atok"] if action[0] == "export" else []
        assert main(["corpus", *map(str, action), *options]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith(f"audiotok: {out}/plan.json: not the plan of a corpus: "), line
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("seal", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        put("files", value=[]),
        put("files", 0, "name", value="../x"),
        put("files", 0, "bytes", value=-1),
        put("files", 0, "sha256", value="x" * 64),
        put("files", 0, value=None),
        put("clips", value=9),
        put("clips", value=True),
        put("tokens", value="1"),
        put("samples", value=1e3),
        put("errors", value=[{"id": "a", "path": "b"}]),
        put("errors", value=[{"id": "a", "path": "b", "reason": 3}]),
        put("counts", value=[]),
        put("more", value=1),
        lambda fields: fields.pop("counts"),
    ],
)
def test_receipts_that_cannot_be_are_refused(out, wrong, change, seal):
    receipt = out / "shards" / "00001.json"
    edited(receipt, change, seal)
    [line] = wrong(out)
    assert line.startswith(f"audiotok: {receipt}: damaged, remove it")


@pytest.mark.parametrize(
    "change",
    [
        put("tokens", value=1),
        put("counts", "tokens", value="x"),
        put("counts", "tokens", value="eJwDAAAAAAE="),
        put("counts", "flips", value=[1]),
        put("counts", "flips", value=[10**20] * 16),
        put("counts", "pairs", value=-5),
        put("counts", value={}),
    ],
)
def test_receipts_that_say_another_thing_than_the_shard(out, wrong, change):
    edited(out / "shards" / "00001.json", change)
    lines = wrong(out)
    assert any("shard 00001" in line for line in lines), lines


@pytest.mark.parametrize(
    "change", [put("clips", value=5), put("hours", value="1"), put("format", value="flat")]
)
def test_the_card_says_what_the_shards_do(out, wrong, change):
    edited(out / "corpus_card.json", change)
    [line] = wrong(out)
    assert f"{out}/corpus_card.json: " in line


def test_reports_that_are_not_there(out, wrong):
    (out / "errors.jsonl").unlink()
    [line] = wrong(out)
    assert f"{out}/errors.jsonl: is not there" in line
    (out / "corpus_card.json").unlink()
    [line] = wrong(out)
    assert f"{out}/corpus_card.json: is not there" in line


def test_missing_and_extra_shards(out, wrong):
    for name in ("00003.parquet", "00003.json", "x"):
        shutil.copy(out / "shards" / "00000.parquet", out / "shards" / name)
    lines = wrong(out)
    assert len(lines) == 3 and all("is no part of this corpus" in line for line in lines)
    (out / "shards" / "00001.parquet").unlink()
    assert any("00001.parquet: No such file" in line for line in wrong(out))
    (out / "shards" / "00001.json").unlink()
    assert any("1 of 3 shards are not done" in line for line in wrong(out))


def test_the_clips_of_another_plan(out, tmp_path, wrong):
    other = make(tmp_path / "other", [f"b/{n}.wav" for n in range(7)])
    shutil.copy(other / "plan.parquet", out)
    lines = wrong(out)
    assert f"{out}/plan.parquet: has other clips" in lines[0]
    make(tmp_path / "less", IDS[:5])
    shutil.copy(tmp_path / "less" / "plan.parquet", out)
    assert any("plan.parquet: damaged" in line for line in wrong(out))


@pytest.mark.parametrize("command", ["verify", "export", "decode"])
def test_a_clip_of_the_plan_that_got_another_id(out, tmp_path, capsys, command):
    """Of the one that has no tokens, so that there are more clips than tokens."""
    ids = [*IDS[:BROKEN], "other", *IDS[BROKEN + 1 :]]
    make(tmp_path / "renamed", ids)
    shutil.copy(tmp_path / "renamed" / "plan.parquet", out)
    more = {
        "verify": [],
        "export": ["--format", "atok", "--out", str(tmp_path / "files")],
        "decode": ["other", "--out", str(tmp_path / "speech")],
    }
    assert main(["corpus", command, str(out), *more[command]]) == 1
    err = capsys.readouterr().err
    assert all(line.startswith("audiotok: ") for line in err.splitlines())
    if command != "decode":  # which needs no plan to find an id
        assert f"{out}/plan.parquet: damaged: 3 clips of shard 00000" in err


@pytest.mark.parametrize("data", [b"[" * 200_000, b"null", b"\xff", b"", b"1" * 5000, b"{}"])
@pytest.mark.parametrize("name", FILES[:4])
def test_what_is_no_record_is_one_line(out, wrong, name, data):
    (out / name).write_bytes(data)
    lines = wrong(out)
    assert len(lines) == 1 and str(out / name) in lines[0]


@pytest.mark.parametrize("name", FILES[:4])
def test_what_never_ends_is_one_line(out, wrong, name):
    (out / name).unlink()
    os.mkfifo(out / name)
    assert "is no regular file" in wrong(out)[0]
    (out / name).unlink()
    with open(out / name, "wb") as file:
        file.truncate(20 << 30)
    assert "is too large" in wrong(out)[0]


def test_former_versions_have_no_digest(out, wrong):
    for name in FILES[:4]:
        edited(out / name, lambda _: None, seal=False)
    assert wrong(out) == []


@pytest.mark.parametrize("digest", [None, "", 0, [], "0" * 64])
def test_a_digest_that_is_none_is_no_former_version(out, wrong, digest):
    for name in FILES[:4]:
        before = (out / name).read_text()
        edited(out / name, put(records.DIGEST, value=digest), seal=False)
        assert "changed since it was written" in wrong(out)[0]
        (out / name).write_text(before)


HOSTILE = [
    "a/b",
    "a/./b",
    "a//b",
    "../x",
    "/x",
    "n" * 300,
    "A/B",
    "con",
    "",
    "é",
    "e\u0301",
    "x\ny",
]


def test_every_clip_gets_a_file_of_its_own_or_a_line(tmp_path, capsys):
    source = make(tmp_path / "in", HOSTILE)
    out = tmp_path / "deep" / "out"
    assert main(["corpus", "export", str(source), "--format", "atok", "--out", str(out)]) == 0
    files = {path: tokenfile.read(path).tokens for path in out.rglob("*.atok")}
    named = {one: one for one in HOSTILE} | {
        row["id"]: row["file"].removesuffix(".atok")
        for row in map(json.loads, (out / "names.jsonl").read_text().splitlines())
    }
    [error] = map(json.loads, (out / "errors.jsonl").read_text().splitlines())
    assert error == {"id": HOSTILE[BROKEN], "path": f"/x/{BROKEN}.wav", "reason": "empty"}
    assert len(files) == len(HOSTILE) - 1
    for entry in corpus.open(source):
        np.testing.assert_array_equal(files[out / f"{named[entry.id]}.atok"], entry.tokens)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "deep"}  # nothing leads out


def test_what_cannot_be_exported_is_a_line_and_the_others_go_on(out, tmp_path, capsys):
    (out / "shards" / "00001.parquet").write_bytes(b"damaged")
    new = tmp_path / "new"
    (new / "a" / "6.wav.atok").mkdir(parents=True)
    assert main(["corpus", "export", str(out), "--format", "atok", "--out", str(new)]) == 1
    assert "4 clips have no file" in capsys.readouterr().err
    rows = [json.loads(line) for line in (new / "errors.jsonl").read_text().splitlines()]
    assert {row["id"] for row in rows} == {IDS[n] for n in (BROKEN, 3, 4, 5, 6)}
    assert {path.name for path in new.rglob("*.atok") if path.is_file()} == {
        "0.wav.atok", "1.wav.atok"
    }  # fmt: skip
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "a").symlink_to(tmp_path / "in")
    *_, last = exporting.to_files(corpus.open(out), tmp_path / "linked", None)
    assert isinstance(last, shards.Failure) and "leads out of" in last.reason
    assert main(["corpus", "export", str(out), "--format", "atok", "--out", str(out)]) == 1


@pytest.mark.parametrize("counts", [{"tokens": ""}, {"tokens": "AAAA", "pairs": 0, "flips": []}])
def test_counts_that_are_none_name_the_corpus(out, wrong, counts):
    """Also where a receipt is of a former version, without a digest."""
    edited(out / "shards" / "00000.json", put("counts", value=counts), seal=False)
    assert all(str(out) in line for line in wrong(out))
    with pytest.raises(ValueError, match=str(out)):
        reports.write(Plan.read(out))
