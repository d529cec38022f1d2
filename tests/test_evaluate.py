"""Tests of `audiotok evaluate`: in process, but for its own worker processes."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import math
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text

from audiotok_jax import audio, cli, pretrained, provenance, terminal
from audiotok_jax.data.recordings import File, Recording
from audiotok_jax.evaluate import clips, codecs, plots, report, work, workers
from audiotok_jax.evaluate.codecs.pcm import Pcm
from audiotok_jax.evaluate.journal import Heard, Journal, Key
from audiotok_jax.evaluate.metrics import METRICS, RATE, available
from audiotok_jax.evaluate.work import Work

pytestmark = pytest.mark.skipif(bool(available()[1]), reason="needs the extra eval")

BOTH = "pcm,audiotok:model"
SHOWN = [metric for metric in METRICS if "transcript" not in metric.needs]
KEY = Key("0" * 16, "en", "pcm", "16 bits", "f" * 16)
PESQ = next(metric for metric in METRICS if metric.name == "pesq_wb")


class Results(NamedTuple):
    """What a command said, and the files that it left."""

    code: int
    stdout: str
    stderr: str
    out: Path

    def rows(self) -> list[dict[str, str]]:
        with open(self.out / "clips.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def summary(self) -> Any:
        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is no JSON")

        return json.loads((self.out / "summary.json").read_text(), parse_constant=refuse)

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.out.rglob("*") if path.is_file())
        return {path.relative_to(self.out).as_posix(): path.read_bytes() for path in found}

    def journal(self) -> list[Any]:
        lines = (self.out / "journal.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]


def run(place: Path, *args: str, codecs: str = BOTH, data: str = "data", out: str = "out") -> Any:
    """Runs the command in a folder."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(place),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        command = ["evaluate", "--data", data, "--codecs", codecs, "--out", out, *args]
        code = cli.main(command)
    return Results(code, stdout.getvalue(), stderr.getvalue(), place / out)


@pytest.fixture(scope="module", autouse=True)
def no_progress():
    """A slow machine prints no lines about progress."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "LINE_SECONDS", math.inf)
        yield


@pytest.fixture(scope="module")
def place(tiny, speech, tmp_path_factory) -> Path:
    """A folder with a tiny model, and three clips of two sets with a table beside them."""
    place = tmp_path_factory.mktemp("evaluate")
    config, params = tiny
    pretrained.save(place / "model", params, config)
    (place / "data").mkdir()
    table = ["path\tcorpus\tlanguage\tspeaker"]
    for seed, name in enumerate(("one.wav", "three.flac", "two.wav")):
        audio.write(place / "data" / name, speech(24_000 + 8000 * seed, seed), RATE)
        corpus = "LibriSpeech test-clean" if name == "three.flac" else "B"
        table.append(f"data/{name}\t{corpus}\tde\tspeaker {seed}")
    (place / "data.tsv").write_text("\n".join(table) + "\n")
    return place


@pytest.fixture(scope="module")
def done(place) -> Results:
    """What the command leaves."""
    return run(place, "--jobs", "2")


def test_a_row_for_each_clip_and_codec(done):
    assert (done.code, done.stderr) == (0, "")
    rows = done.rows()
    named = [(row["set"], row["clip"], row["codec"]) for row in rows]
    places = [("B", "one.wav"), ("B", "two.wav"), ("LibriSpeech test-clean", "three.flac")]
    assert named == [(*place, codec) for place in places for codec in BOTH.split(",")]
    assert [row["speaker"] for row in rows[::2]] == ["speaker 0", "speaker 2", "speaker 1"]
    for row in rows:
        assert row["language"] == "de" and float(row["seconds"]) in (1.5, 2.0, 2.5)
        assert row["length_difference"] == "0" and float(row["kbps_file"]) > 0
        assert float(row["encode_seconds"]) > 0 and float(row["decode_seconds"]) > 0
        assert row["wer"] == ""  # German
        assert all(row[m.name] for m in SHOWN if m.name not in ("wer", "per", "f0_error")), row
    assert [float(row["kbps_payload"]) for row in rows[::2]] == [256] * 3
    assert all(1.28 <= float(row["kbps_payload"]) < 1.4 for row in rows[1::2])


def test_what_loses_nothing_is_better_in_every_metric(done):
    rows = done.rows()
    for pcm, tiny in zip(rows[::2], rows[1::2], strict=True):
        assert pcm["delay_samples"] == "0"
        assert float(pcm["pesq_wb"]) > 4.6 and float(pcm["stoi"]) > 0.9999
        assert pcm["si_sdr"] == "inf"
        for metric in METRICS:
            if metric.better and pcm[metric.name] and tiny[metric.name]:
                sign = 1 if metric.better == "higher" else -1
                assert sign * float(pcm[metric.name]) >= sign * float(tiny[metric.name]), metric


def test_the_summary(done, place):
    summary = done.summary()
    assert list(summary["sets"]) == ["B", "LibriSpeech test-clean"]
    assert list(summary["overall"]) == ["audiotok:model", "pcm"]  # by bitrate
    assert summary["codecs"]["audiotok:model"] == pretrained.load(place / "model").model_id
    assert summary["data"]["clips"] == 3
    assert summary["overall"]["pcm"]["clips"] == 3 and summary["sets"]["B"]["pcm"]["clips"] == 2
    for codec in summary["overall"].values():
        found = codec["metrics"]
        assert list(found) == list(summary["metrics"]) == [metric.name for metric in SHOWN]
        assert found["pesq_wb"]["low"] <= found["pesq_wb"]["mean"] <= found["pesq_wb"]["high"]
        assert found["wer"] == report.interval([None] * 3) and found["wer"]["missing"] == 3
    infinite = summary["overall"]["pcm"]["metrics"]["si_sdr"]
    assert infinite["mean"] is None and infinite["infinite"] == infinite["count"] == 3
    stoi = [float(row["stoi"]) for row in done.rows() if row["codec"] == "audiotok:model"]
    found = summary["overall"]["audiotok:model"]["metrics"]["stoi"]
    assert found["mean"] == pytest.approx(np.mean(stoi), abs=1e-6)
    one = summary["sets"]["LibriSpeech test-clean"]["pcm"]["metrics"]["stoi"]
    assert one["mean"] is not None and one["low"] is one["high"] is None


def test_the_summary_says_where_its_numbers_come_from(done):
    (about,) = done.summary()["runs"]
    assert about["rows"] == 6 and about["jobs"] == 2 and about["wall_seconds"] > 0
    command = "audiotok evaluate --data data --codecs pcm,audiotok:model --out out --jobs 2"
    assert about["command"] == command
    assert about["libraries"]["jax"] == jax.__version__
    assert set(about) > {"date", "commit", "machine", "python"}


def test_the_tables(done):
    text = (done.out / "table.md").read_text()
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "## all 2 sets: 3 clips, 0.1 minutes",
        "## B: 2 clips, 0.1 minutes",
        "## LibriSpeech test-clean: 1 clips, 0.0 minutes",
    ]
    found = done.summary()["overall"]["audiotok:model"]["metrics"]["stoi"]
    cell = f"{found['mean']:.3f} ({found['low']:.3f}–{found['high']:.3f})"
    line = next(line for line in text.splitlines() if line.startswith("| STOI ↑"))
    assert line == f"| STOI ↑ | {cell} | 1.000 (1.000–1.000) |"
    assert "| ∞ in 3 of 3 |" in text and "| word errors (%) ↓ | – | – |" in text
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["audiotok:model", "pcm"]
    assert any(line.split() == ["STOI", "↑", f"{found['mean']:.3f}", "1.000"] for line in lines)


def test_the_plots(done):
    folder = done.out / "plots"
    expected = {metric.name for metric in SHOWN if metric.name != "wer"}
    expected |= {f"librispeech-test-clean-{name}" for name in ("pesq_wb", "stoi")}
    assert {path.stem for path in folder.glob("*.svg")} == expected
    for path in folder.glob("*.svg"):
        texts = " ".join(ElementTree.parse(path).getroot().itertext())
        assert "audiotok:model" in texts and "pcm" in texts
        assert ("published" in texts) == ("BigCodec" in texts) == path.stem.startswith("libri")
        assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "no finite mean: pcm" in (folder / "si_sdr.svg").read_text()


def test_the_second_run_measures_nothing_and_leaves_everything_as_it_is(done, place, monkeypatch):
    before = done.files()
    monkeypatch.setattr(workers, "measure", lambda *_: pytest.fail("measures again"))
    again = run(place)
    assert (again.code, again.stdout) == (0, done.stdout)
    assert again.stderr == "audiotok: 6 of 6 rows are there already, in out/journal.jsonl\n"
    assert again.files() == before


def test_only_what_is_missing_is_measured(done, place, tmp_path, tiny):
    """After a run was killed, the weights have changed, and a clip is broken."""
    place = shutil.copytree(place, tmp_path / "place")
    config, params = tiny
    changed = jax.tree.map(lambda leaf: leaf * 1.01, params)
    old, new = (
        pretrained.load(place / "model").model_id,
        pretrained.save(place / "model", changed, config),
    )
    (place / "data" / "two.wav").write_bytes(b"no audio")
    path = place / "out" / "journal.jsonl"
    about, *whole, last, _ = path.read_bytes().splitlines(keepends=True)
    lost = json.loads(last)["key"]
    path.write_bytes(b"".join([about, *whole, last[:-20]]))
    again = run(place, "--jobs", "1")
    assert again.code == 1
    lines = again.stderr.splitlines()
    assert len(lines) == 2 and "two.wav: " in lines[0] and "rows are there already" in lines[1]
    kept = again.journal()
    assert kept[: len(whole) + 1] == [json.loads(line) for line in (about, *whole)]
    added = [(line["key"]["codec"], line["key"]["version"]) for line in kept if "key" in line][5:]
    clips_left = {row["clip"] for row in again.rows()}
    assert clips_left == {"one.wav", "three.flac"}
    pcm_lost = lost["codec"] == "pcm"
    assert sorted(added) == [("audiotok:model", new)] * 2 + [("pcm", "16 bits")] * pcm_lost
    summary = again.summary()
    assert summary["codecs"]["audiotok:model"] == new != old
    assert sum(about["rows"] for about in summary["runs"]) == 4
    before = {(r["clip"], r["codec"]): r["stoi"] for r in done.rows()}
    for row in again.rows():
        assert (row["stoi"] == before[row["clip"], row["codec"]]) == (row["codec"] == "pcm")


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({"codecs": "pcm,opsu:6"}, "no codec 'opsu:6', did you mean opus?"),
        ({"codecs": "pcm,audiotok:none"}, "no model 'none'"),
        ({"codecs": ""}, "no codec ''"),
        ({"data": "none"}, "none: no such file or folder"),
        ({"out": "data.tsv"}, "data.tsv: File exists"),
    ],
)
def test_what_cannot_be_is_one_line(place, args, complaint):
    found = run(place, **{"out": "never"} | args)
    assert found.code == 1
    assert found.stderr.startswith("audiotok: ") and found.stderr.count("\n") == 1
    assert complaint in found.stderr
    assert not (place / "never").exists()


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_bad_counts(place, number, capsys):
    with pytest.raises(SystemExit) as stop:
        run(place, "--limit", number)
    assert stop.value.code == 2


def test_clips_of_a_folder_without_a_table(tmp_path, speech):
    for name in ("a/1.wav", "a/2.wav", "a/10.wav", "b/x/1.wav", "3.wav"):
        path = tmp_path / "top" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, speech(8000), RATE)
    (tmp_path / "top" / "b" / "broken.wav").write_bytes(b"RIFF")
    found, unreadable = clips.find([str(tmp_path / "top")], language="en")
    names = [("a", "a/1.wav"), ("a", "a/10.wav"), ("a", "a/2.wav"), ("b", "b/x/1.wav")]
    assert [(clip.set, clip.name) for clip in found] == [*names, ("top", "3.wav")]
    assert {(clip.language, clip.speaker) for clip in found} == {("en", "")}
    assert len(unreadable) == 1 and "broken.wav: " in unreadable[0]
    limited, _ = clips.find([str(tmp_path / "top"), str(tmp_path / "top" / "a")], 2)
    assert [clip.name for clip in limited if clip.set == "a"][::2] == ["1.wav"]


def test_a_limit_takes_clips_from_all_over_a_set(tmp_path, speech):
    for number in range(10):
        audio.write(tmp_path / f"{number}.wav", speech(3000), RATE)
    found, _ = clips.find([str(tmp_path)], 4)
    assert [clip.name for clip in found] == ["0.wav", "3.wav", "6.wav", "9.wav"]
    assert len(clips.find([str(tmp_path)], 11)[0]) == 10


rows = st.dictionaries(
    st.text(), st.none() | st.integers() | st.floats(allow_nan=False), max_size=4
)


@given(written=st.lists(rows, max_size=4), cut=st.integers(0, 100))
def test_a_journal_cut_anywhere_keeps_all_whole_rows(tmp_path_factory, written, cut):
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    keys = [KEY._replace(clip=str(number)) for number in range(len(written))]
    with Journal(path) as book:
        book.begin({"jobs": 2})
        for key, row in zip(keys, written, strict=True):
            book.add(key, row)
        expected = dict(book.rows)
        book.finish({"wall_seconds": 1.5})
        assert list(book.runs.values()) == [{"jobs": 2, "wall_seconds": 1.5}]
    data = path.read_bytes()
    kept = data[: len(data) * cut // 100]
    path.write_bytes(kept)
    whole = min(max(0, kept.count(b"\n") - 1), len(written))
    with Journal(path) as book:
        assert book.rows == dict(list(expected.items())[:whole])
        book.begin({"jobs": 1})
        book.add(KEY, {"seconds": math.inf})
    with Journal(path) as book:
        run, row = book.rows[KEY]
        assert row == {"seconds": math.inf} and book.runs[run] == {"jobs": 1}
        assert len(book.rows) == whole + 1


def test_a_damaged_journal_and_a_second_writer_are_refused(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path), pytest.raises(ValueError, match="another run writes to it"):
        Journal(path)
    path.write_text('{"run": "1", "about": {}}\n{"run"\n')
    with pytest.raises(ValueError, match="journal.jsonl: line 2 is damaged"):
        Journal(path)


class Fake(Pcm):
    """PCM with a fault."""

    def __init__(self, fault: str) -> None:
        super().__init__("pcm", "")
        self._fault = fault
        self.calls = 0

    def encode(self, wave, rate):
        self.calls += 1
        if self._fault == "raises" and self.calls > 1:
            raise RuntimeError("is out of order")
        return super().encode(wave, rate)

    def decode(self, data):
        wave = super().decode(data)
        if self._fault == "late":
            return np.concatenate([np.zeros(100, np.float32), wave])
        return wave


@pytest.fixture
def evaluated(monkeypatch, tmp_path, speech):
    """Evaluates a clip, in process, with PCM and a faulty codec."""

    def evaluated(fault: str, version: str = "16 bits", clip: bool = True) -> work.Done:
        work._codec.cache_clear()
        fake = Fake(fault)
        monkeypatch.setattr(codecs, "parse", lambda spec: fake if spec == "fake" else Pcm(spec, ""))
        path = tmp_path / "clip.wav"
        if clip:
            audio.write(path, speech(20_000), RATE)
        keys = (KEY._replace(codec="fake", version=version), KEY)
        heard = Heard(KEY.clip, KEY.language, "none")
        return work.evaluate(Work(Recording(File(str(path))), keys, "", None, heard, {}), [PESQ])

    yield evaluated
    work._codec.cache_clear()


def test_a_codec_that_fails_is_named_and_the_others_go_on(evaluated):
    done = evaluated("raises")
    assert list(done.rows) == [KEY] and done.seconds == 1.25
    (line,) = done.errors
    assert line.endswith("clip.wav: fake: is out of order")


def test_a_model_that_changes_while_it_is_measured_is_refused(evaluated):
    done = evaluated("", version="8 bits")
    assert list(done.rows) == [KEY]
    assert done.errors[0].endswith("fake: is 16 bits now, not 8 bits; run again")


def test_a_clip_that_cannot_be_read_is_named(evaluated):
    done = evaluated("", clip=False)
    assert not done.rows and "clip.wav" in done.errors[0]


def test_a_metric_that_gives_nan_is_named(evaluated, monkeypatch):
    monkeypatch.setattr(work, "measure", lambda *_: {"pesq_wb": math.nan})
    done = evaluated("")
    assert not done.rows and done.errors[0].endswith("fake: pesq_wb is not a number")


def test_delay_is_taken_out_and_told(evaluated):
    late, pcm = evaluated("late").rows.values()
    assert (late["delay_samples"], late["length_difference"]) == (100, 100)
    assert (pcm["delay_samples"], pcm["length_difference"]) == (0, 0)
    assert late["pesq_wb"] == pcm["pesq_wb"] > 4.6


def test_workers_keep_to_one_core_unless_told(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with workers._environment():
        assert os.environ["OMP_NUM_THREADS"] == "3" and os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "3" and "OPENBLAS_NUM_THREADS" not in os.environ


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=12))
def test_intervals_hold_the_mean(values):
    found = report.interval(values)
    known = [value for value in values if value is not None]
    assert (found["count"], found["missing"]) == (len(known), len(values) - len(known))
    if not known:
        assert found["mean"] is None
    else:
        assert found["mean"] == pytest.approx(np.mean(known))
    if len(known) < 2:
        assert found["low"] is found["high"] is None
    else:
        assert min(known) - 1e-6 <= found["low"] <= found["high"] <= max(known) + 1e-6
        assert found["low"] - 1e-6 <= found["mean"] <= found["high"] + 1e-6


def test_an_interval_shrinks_with_the_clips_and_is_always_the_same():
    values = np.random.default_rng(0).normal(3, 1, 400)
    small, large = report.interval(values[:25]), report.interval(values)
    assert large == report.interval(values)
    # 1.96 standard errors either way
    assert large["high"] - large["low"] == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert small["high"] - small["low"] > 2.5 * (large["high"] - large["low"])


def test_an_infinite_value_leaves_no_mean():
    found = report.interval([1.0, math.inf, -math.inf, None])
    assert found["mean"] is found["low"] is found["high"] is None
    assert (found["count"], found["infinite"], found["missing"]) == (3, 2, 1)


def test_labels_of_marks_close_by_do_not_overlap(tmp_path, monkeypatch):
    found = {
        f"{name}:{number}": {
            "kbps_payload": 2.0 + 0.1 * number,
            "metrics": {"pesq_wb": {"mean": 2.0 + 0.01 * number, "low": 1.9, "high": 2.1}},
        }
        for number, name in enumerate(("aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"))
    }
    boxes = []
    place_labels = plots.place_labels

    def watch(axes: Any, labels: Any, renderer: Any) -> None:
        place_labels(axes, labels, renderer)
        boxes.extend(Text.get_window_extent(note, renderer) for note in axes.texts)

    monkeypatch.setattr(plots, "place_labels", watch)
    plots.draw(tmp_path / "x", "title", PESQ, found)
    assert len(boxes) == 4
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_provenance(monkeypatch, tmp_path):
    found = provenance.provenance(["numpy", "no-such-library"])
    assert found["libraries"] == {"numpy": np.__version__, "no-such-library": None}
    assert json.loads(json.dumps(found)) == found
    root = Path(provenance.__file__).parent
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True)
    if head.returncode == 0:
        assert head.stdout.startswith(found["commit"].removesuffix("-dirty"))
    # A package that lies in a repository, but is no part of it, has no commit.
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    assert provenance.provenance([])["commit"] is None


def test_words_of_a_table_with_transcripts(place, tmp_path, monkeypatch):
    """Two languages, of which the recogniser knows one; then a second codec."""
    words = [m for m in METRICS if m.name == "lsd" or "rapidfuzz.distance" in m.libraries]
    monkeypatch.setattr("audiotok_jax.evaluate.metrics.available", lambda: (tuple(words), []))
    examples = Path(__file__).parent.parent / "examples"
    shutil.copytree(place / "model", tmp_path / "model")
    table = ["path\tlanguage\tsentence"]
    for name, language, said in (
        ("en_rp_female_22k", "en-GB", "One, two, three, four"),
        ("cmn_male", "zh", "一二三"),
    ):
        table.append(f"{name}.flac\t{language}\t{said}")
        shutil.copy(examples / f"{name}.flac", tmp_path)
    (tmp_path / "data.tsv").write_text("\n".join(table) + "\n")
    first = run(tmp_path, "--jobs", "1", codecs="pcm", data="data.tsv")
    assert (first.code, first.stderr) == (0, "")
    mandarin, english = sorted(first.rows(), key=lambda row: row["clip"])
    assert english["wer"] == english["per"] == "0" and int(english["wer_words"]) > 10
    assert english["wer_transcript"] == english["wer_transcript_original"] == "100"
    assert english["transcript_words"] == "4" and mandarin["per"] == "0"
    assert {mandarin[m] for m in ("wer", "wer_words", "wer_transcript")} == {""}
    summary = first.summary()
    assert list(summary["languages"]) == ["en", "zh"]
    assert summary["languages"]["en"]["pcm"]["metrics"]["wer_transcript"]["mean"] == 100
    text = (first.out / "table.md").read_text()
    assert "## word errors (%) by language" in text and "\n| zh | 1 | – |\n" in text
    assert "\n| en | 1 | 0.0 |\n" in text and "(%) | 100.0, 1 clips |" in text

    journal = first.out / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    (heard,) = [line for line in lines if "heard" in line and line["heard"]["language"] == "en-GB"]
    heard["readings"]["words"] = ["what", "was", "never", "said"]  # told from what would be heard
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    second = run(tmp_path, "--jobs", "1", data="data.tsv")
    rows = {(row["clip"], row["codec"]): row for row in second.rows()}
    assert rows["en_rp_female_22k.flac", "pcm"] == english
    assert rows["en_rp_female_22k.flac", "audiotok:model"]["wer_words"] == "4"
    assert [line for line in second.journal() if "heard" in line] == [
        line for line in lines if "heard" in line
    ]

    (tmp_path / "data.tsv").write_text("\n".join(table[:2]).replace(", four", "") + "\n")
    third = run(tmp_path, "--jobs", "1", codecs="pcm", data="data.tsv")
    assert [row["transcript_words"] for row in third.rows()] == ["3"]


def test_a_recogniser_that_is_not_there_is_refused_before_any_work(place, tmp_path):
    (tmp_path / "empty").mkdir()
    found = run(place, "--recogniser", str(tmp_path / "empty"), out="never")
    assert found.code == 1 and found.stderr.count("\n") == 1
    assert "no Whisper model of CTranslate2" in found.stderr
    assert not (place / "never").exists()
