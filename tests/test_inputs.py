"""Inputs that others wrote: rows with audio, and manifests that name parts of files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax import audio
from audiotok_jax.audio import AudioError
from audiotok_jax.corpus import decoding, inputs
from audiotok_jax.corpus.plan import Plan, Settings, digest
from audiotok_jax.data import cells, sources, tables
from audiotok_jax.data.audio_files import Span, read, stream
from audiotok_jax.evaluate import clips

RATE = 16000
FILES = {"a.flac": RATE, "b.wav": 22050, "c.ogg": RATE}
SECONDS = 0.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory, speech) -> Path:
    """Three files of two channels."""
    root = tmp_path_factory.mktemp("inputs") / "speech"
    root.mkdir()
    for number, (name, rate) in enumerate(FILES.items()):
        sides = [speech(int(rate * SECONDS), 2 * number + side, rate) for side in (0, 1)]
        soundfile.write(root / name, np.stack(sides, 1), rate)
    return root


def waves(clips: sources.Clips) -> dict[str, np.ndarray]:
    return {clip.name: clips.read(number) for number, clip in enumerate(clips)}


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, wave in expected.items():
        np.testing.assert_array_equal(found[name], wave)


def in_corpus(place: Path) -> dict[str, np.ndarray]:
    """What `corpus run` decodes of an input, by id."""
    found = {}
    for one in inputs.find([str(place)]):
        with decoding.opened(one) as (rate, chunks):
            wave = np.concatenate(list(audio.resample_stream(chunks, rate, RATE)))
        found[one.id] = audio.to_pcm(wave)
    return found


def in_evaluation(place: Path) -> dict[str, np.ndarray]:
    found, left_out = clips.find([str(place)])
    assert not left_out
    return {one.name: audio.to_pcm(one.recording.load(RATE)) for one in found}


# Rows


def table(folder: Path, plain: bool = False) -> pyarrow.Table:
    data = [(folder / name).read_bytes() for name in FILES]
    cell = (
        pyarrow.binary() if plain else pyarrow.struct({"bytes": pyarrow.binary(), "path": "string"})
    )
    column = data if plain else [{"bytes": one, "path": None} for one in data]
    return pyarrow.table(
        {
            "audio": pyarrow.array(column, cell),
            "path": list(FILES),
            "id": [7, 7, 8],
            "text": ["one", "two", None],
            "words": [["one"], ["two"], []],
        }
    )


def write(rows: pyarrow.Table, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(rows, path, row_group_size=2)
    else:
        with pyarrow.OSFile(str(path), "wb") as file:
            with pyarrow.ipc.new_stream(file, rows.schema) as writer:
                writer.write_table(rows, 2)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize("plain", [False, True])
def test_rows_are_clips_wherever_inputs_are_read(folder, tmp_path, suffix, plain):
    path = write(table(folder, plain), tmp_path / f"train-00000-of-00001{suffix}")
    files = waves(sources.open_clips([str(folder)], RATE))
    expected = {
        f"train-00000-of-00001/{number:06}": files[name] for number, name in enumerate(FILES)
    }
    found = sources.open_clips([str(path)], RATE)
    assert [clip.columns for clip in found] == [
        {"path": "a.flac", "id": "7", "text": "one"},
        {"path": "b.wav", "id": "7", "text": "two"},
        {"path": "c.ogg", "id": "8"},
    ]
    assert {clip.corpus for clip in found} == {"train"}
    for same in (waves(found), in_corpus(path), in_evaluation(path)):
        assert_same(same, expected)
    assert [clip.transcript for clip in clips.find([str(path)])[0]] == ["one", "two", ""]


def test_shards_are_named_by_a_folder_or_a_pattern(folder, tmp_path):
    place = tmp_path / "cv"
    rows = table(folder)
    for name in ("en/train-0.parquet", "en/train-1.parquet", "fr/test.arrow", "fr/cache-1.arrow"):
        write(rows.slice(0, 1), place / name)
    (place / "README.md").write_text("# cv\n")
    found = sources.open_clips([str(place)], RATE)
    assert [(clip.corpus, clip.name) for clip in found] == [
        ("en", "en/train-0/000000"),
        ("en", "en/train-1/000000"),
        ("fr", "fr/test/000000"),
    ]
    assert [one.id for one in inputs.find([str(place)])] == [clip.name for clip in found]
    for pattern in ("en/train-*.parquet", "en/train-{0..1}.parquet"):
        ids = [one.id for one in inputs.find([str(place / pattern)])]
        assert ids == ["train-0/000000", "train-1/000000"]


def test_a_row_without_bytes_names_a_file_or_is_left_out(folder, tmp_path):
    kind = pyarrow.struct({"bytes": pyarrow.binary(), "path": "string"})
    column = [{"path": f"speech/{name}"} for name in FILES] + [None, {"bytes": b"noise"}]
    rows = pyarrow.table({"audio": pyarrow.array(column, kind)})
    path = write(rows, folder.parent / "paths.parquet")
    found = sources.open_clips([str(path)], RATE)
    files = waves(sources.open_clips([str(folder)], RATE))
    assert [*waves(found).values()][1].tolist() == files["b.wav"].tolist()
    assert [one.path for one in found.skipped] == [f"{path}/000003", f"{path}/000004"]
    assert found.skipped[0].reason == "has no audio"
    pieces = [
        [*decoding.pieces(one, decoding.Shape(RATE, 4000, (9, 9)))]
        for one in inputs.find([str(path)])
    ]
    assert [bool(ended[-1].error) for ended in pieces] == [False, False, False, True, True]


def test_files_of_rows_without_audio_are_refused_and_tables_stay_tables(folder, tmp_path):
    path = write(table(folder).drop_columns(["audio", "id"]), folder / "t.parquet")
    assert len(sources.open_clips([str(path)], RATE)) == len(FILES)
    path.unlink()
    path = write(pyarrow.table({"audio": ["a.flac"]}), tmp_path / "set" / "t.arrow")
    for place in (path, path.parent):
        with pytest.raises(ValueError, match=r"t\.arrow: there is no column 'audio' with bytes"):
            inputs.find([str(place)])
    path.write_bytes(b"no arrow")
    with pytest.raises(ValueError, match=r"t\.arrow: "):
        inputs.find([str(path)])


@given(st.integers(1, 9), st.lists(st.integers(0, 19), min_size=1, max_size=30))
def test_cells_are_read_in_any_order(tmp_path_factory, size, order):
    path = tmp_path_factory.mktemp("cells") / "c.parquet"
    rows = pyarrow.table({"audio": [bytes([number]) * number for number in range(20)]})
    pyarrow.parquet.write_table(rows, path, row_group_size=size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "_ROWS", 2)
        for number in order:
            with cells.Cell(str(path), number).open() as file:
                assert file.read() == bytes([number]) * number
    with pytest.raises(AudioError, match="no row|20 rows"):
        cells.Cell(str(path), 20).open().__enter__()


def test_what_datasets_writes_is_read(folder, tmp_path):
    datasets = pytest.importorskip("datasets", reason="the extra `dev` is not installed")
    datasets.disable_progress_bars()
    rows = datasets.Dataset(table(folder)).cast_column("audio", datasets.Audio())
    rows.to_parquet(tmp_path / "train.parquet")
    datasets.DatasetDict({"train": rows}).save_to_disk(tmp_path / "saved")
    files = waves(sources.open_clips([str(folder)], RATE))
    for place, name in (("train.parquet", "train"), ("saved", "train/data-00000-of-00001")):
        found = in_corpus(tmp_path / place)
        assert_same(found, {f"{name}/{n:06}": files[one] for n, one in enumerate(FILES)})


# Manifests


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def cut(path: Path, **fields: Any) -> dict[str, Any]:
    """A cut of lhotse; `recording` and `source` hold changes of the fields within."""
    source = {"type": "file", "channels": [0, 1], "source": str(path)} | fields.pop("source", {})
    about = soundfile.info(path)
    recording = {
        "id": path.stem,
        "sources": [source],
        "sampling_rate": about.samplerate,
        "num_samples": about.frames,
        "duration": about.duration,
        "channel_ids": [0, 1],
    } | fields.pop("recording", {})
    said = {"id": "s", "recording_id": path.stem, "start": 0.0, "duration": 0.2, "channel": 0}
    return {
        "id": f"{path.stem}-1",
        "start": 0.1,
        "duration": 0.2,
        "channel": 1,
        "supervisions": [said | {"text": "one", "speaker": "Ann"}, said | {"text": "two"}],
        "recording": recording,
        "type": "MonoCut",
    } | fields


def part(path: Path, start: float, stop: float, channel: int | None = None) -> np.ndarray:
    """Seconds of a file, at `RATE`."""
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    wave = wave[round(start * rate) : round(stop * rate)]
    wave = wave.mean(1) if channel is None else wave[:, channel]
    return audio.to_pcm(np.concatenate(list(audio.resample_stream([wave], rate, RATE))))


@pytest.mark.parametrize("name", ["m.json", "m.jsonl"])
def test_a_manifest_of_nemo(folder, name):
    rows: list[dict[str, Any]] = [
        {"audio_filepath": f"speech/{one}", "duration": SECONDS, "text": one} for one in FILES
    ]
    rows += [rows[1] | {"offset": 0.26, "duration": 0.2}, rows[1] | {"offset": 0, "duration": 0.1}]
    path = lines(folder.parent / name, *rows)
    expected = {f"speech/{one}": part(folder / one, 0, SECONDS) for one in FILES}
    expected["speech/b#260-460.wav"] = part(folder / "b.wav", 0.26, 0.46)
    expected["speech/b#0-100.wav"] = part(folder / "b.wav", 0, 0.1)
    for found in (
        waves(sources.open_clips([str(path)], RATE)),
        in_corpus(path),
        in_evaluation(path),
    ):
        assert_same(found, expected)
    [said] = [one for one in inputs.find([str(path)]) if "#260" in one.id]
    assert said.columns == {"corpus": "m", "duration": "0.2", "text": "b.wav", "offset": "0.26"}


def test_cuts_and_recordings_of_lhotse(folder, monkeypatch):
    monkeypatch.chdir(folder)
    whole = cut(Path("a.flac"), id="w", start=0.0, duration=SECONDS, channel=0)
    mono = {"id": "r", **cut(Path("a.flac"))["recording"]} | {"id": "r"}
    path = lines(folder.parent / "cuts.jsonl.gz", whole, *(cut(Path(name)) for name in FILES))
    expected = {f"{Path(name).stem}-1": part(folder / name, 0.1, 0.3, 1) for name in FILES}
    expected["w"] = part(folder / "a.flac", 0, SECONDS, 0)
    assert_same(in_corpus(path), expected)
    found = sources.open_clips([str(path)], RATE)
    assert [clip.name.rpartition("/")[2] for clip in found] == [
        *("a#0-c1.flac", "a#100-300c2.flac", "b#100-300c2.wav", "c#100-300c2.ogg")
    ]
    assert found.read(2).tolist() == expected["b-1"].tolist()
    assert {clip.corpus for clip in found} == {"cuts"}
    assert found[1].columns == {"id": "a-1", "text": "one two", "speaker": "Ann"}
    path = lines(folder.parent / "recordings.jsonl", mono)
    assert_same(in_corpus(path), {"r": part(folder / "a.flac", 0, SECONDS)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "MixedCut"}, "a MixedCut of lhotse; only a MonoCut is read"),
        ({"source": {"type": "url"}}, "of the type 'url'; only 'file' is read"),
        ({"source": {"type": "command"}}, "of the type 'command'"),
        ({"recording": {"sources": []}}, "has 0 sources"),
        ({"recording": {"transforms": [{"name": "Speed"}]}}, "has transforms"),
        ({"recording": None}, "has no 'recording'"),
        ({"channel": 5}, "its channel 5 is none"),
        ({"start": -1}, "its 'start' must be a number of seconds, not -1"),
        ({"duration": 0}, "its 'duration' must be a number of seconds, not 0"),
    ],
)
def test_a_cut_that_is_not_read_is_one_line(folder, tmp_path, change, said):
    bad = (
        cut(folder / "a.flac", id="x", **change)
        if change != {"recording": None}
        else {"recording": None}
    )
    path = lines(tmp_path / "cuts.jsonl", cut(folder / "a.flac"), bad)
    with pytest.raises(ValueError) as caught:
        tables.read(path)
    assert str(caught.value).startswith(f"{path}: line 2: ") and said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_manifests_that_are_damaged_are_one_line(folder, tmp_path):
    row = {"audio_filepath": "a.flac"}
    path = lines(tmp_path / "m.json", row | {"offset": "x"})
    with pytest.raises(ValueError, match=r"m\.json: line 1: its 'offset' must be a number"):
        tables.read(path)
    with pytest.raises(ValueError, match=r"m\.json: line 1 and line 2 have the same id, 'a#1000-"):
        tables.read(lines(path, row | {"offset": 1}, row | {"offset": 1.0}))
    path = lines(tmp_path / "m.jsonl.gz", row)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"m\.jsonl\.gz: is no whole gzip file"):
        tables.read(path)
    path.write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"m\.jsonl\.gz: is no whole gzip file"):
        tables.read(path)


def test_a_part_that_its_file_does_not_have_is_named(folder):
    row = {"audio_filepath": "speech/a.flac", "offset": 0.4, "duration": 0.2}
    path = lines(folder.parent / "late.jsonl", row, row | {"offset": 0.6}, row | {"duration": 0.11})
    found = sources.open_clips([str(path)], RATE)
    assert [clip.name for clip in found] == ["speech/a#400-510.flac"]  # within what is rounded
    assert found.read(0).tolist() == part(folder / "a.flac", 0.4, SECONDS).tolist()
    assert len(found.skipped) == 2 and "the file ends at 0.500 s" in found.skipped[0].reason
    for one in inputs.find([str(path)])[1:]:
        [piece] = decoding.pieces(one, decoding.Shape(RATE, 4000, (9, 9)))
        assert "the file ends at 0.500 s" in piece.error


@given(st.sampled_from(list(FILES)), st.floats(0, 0.3), st.floats(0.01, 0.2), st.integers(0, 2))
def test_any_part_is_that_of_the_whole(folder, name, start, seconds, channel):
    path, span = str(folder / name), Span(start, seconds, channel)
    rate, blocks = stream(path, span, block_seconds=0.03)
    wave, _ = soundfile.read(path, dtype="float32")
    wave = wave.mean(1) if not channel else wave[:, channel - 1]
    first, stop = span.at(rate)
    np.testing.assert_array_equal(np.concatenate(list(blocks)), wave[first:stop])
    both = [read(path, RATE, *ends, span) for ends in ((0, 100), (100, RATE))]
    expected = np.concatenate(list(audio.resample_stream([wave[first:stop]], rate, RATE)))
    np.testing.assert_array_equal(np.concatenate(both), audio.to_pcm(expected))


def test_a_plan_keeps_parts(folder, tmp_path):
    row = {"audio_filepath": "speech/b.wav", "text": "x"}
    path = lines(folder.parent / "p.jsonl", row, row | {"offset": 0.25, "duration": 0.2})
    found = inputs.find([str(path)])
    plan = Plan.write(
        tmp_path,
        Settings(
            (str(path),), digest(found), "0", "m", "0" * 16, RATE, 200, 16, "flat", False, "", 5
        ),
        found,
    )
    assert plan.originals(plan.shards[0]) == found
    assert digest([found[0]]) != digest([found[0]._replace(span=Span(0.1))])
