"""Corpora of tokens: inputs, plan, formats, reports, verify."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax import AudioTokenizer, audio, corpus, pretrained
from audiotok_jax.cli import main
from audiotok_jax.corpus import inputs
from audiotok_jax.corpus.counts import Counts
from audiotok_jax.corpus.plan import Plan, Shard
from audiotok_jax.evaluate.stats import statistics

RATES = (16000, 8000, 44100)


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory) -> str:
    """A folder with the tiny model."""
    config, params = tiny
    folder = tmp_path_factory.mktemp("model")
    pretrained.save(folder, params, config)
    return str(folder)


@pytest.fixture(scope="module")
def clips(tmp_path_factory, speech) -> Path:
    """A folder of clips of many lengths, rates and formats, some longer than a window."""
    root = tmp_path_factory.mktemp("clips") / "speech"
    for number in range(12):
        folder = root / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        rate = RATES[number % 3]
        seconds = (0.05, 0.7, 1.9, 4.3)[number % 4]
        suffix = (".wav", ".flac")[number % 2]
        wave = speech(int(seconds * rate), seed=number, rate=rate)
        audio.write(folder / f"{number}{suffix}", wave, rate)
    return root


@pytest.fixture
def run(model, tmp_path, capsys):
    """Runs `corpus run`; returns exit code, corpus folder, and what went to standard error."""

    def run(*inputs: object, out: str = "out", **options: object) -> tuple[int, Path, str]:
        place = tmp_path / out
        options = {"model": model, "workers": 0, "shard_clips": 5, "out": place} | options
        pairs = [(f"--{name.replace('_', '-')}", value) for name, value in options.items()]
        arguments = [str(part) for pair in pairs for part in pair]
        capsys.readouterr()
        code = main(["corpus", "run", *map(str, inputs), *arguments])
        return code, place, capsys.readouterr().err

    return run


@pytest.fixture(scope="module")
def expected(model, clips) -> dict[str, np.ndarray]:
    """The tokens of each clip by itself."""
    tokenizer = AudioTokenizer.from_pretrained(model)
    paths = sorted(path for path in clips.rglob("*.*"))
    return {str(path.relative_to(clips)): tokenizer.encode(*audio.read(path)) for path in paths}


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return found.keys() == expected.keys() and all(
        np.array_equal(found[name], expected[name]) for name in expected
    )


def contents(out: Path) -> dict[str, bytes]:
    """The bytes of all files of a corpus."""
    return {
        str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(("kind", "workers"), [("parquet", 2), ("array_record", 0), ("flat", 0)])
def test_tokens_are_those_of_each_clip_alone(run, clips, expected, kind, workers):
    code, out, err = run(clips, format=kind, workers=workers)
    assert code == 0
    found = corpus.open(out)
    assert [entry.id for entry in found] == sorted(expected)
    assert same({entry.id: entry.tokens for entry in found}, expected)
    for entry in found:
        wave, _ = audio.read(entry.path, entry.sample_rate)
        assert entry.num_samples == len(wave)
        assert entry.columns == {"corpus": entry.id[0]}
    assert "shard 3 of 3: " in err and "0 errors" in err


def test_the_card_says_what_is_in_it(run, clips, expected):
    _, out, _ = run(clips)
    card = json.loads((out / "corpus_card.json").read_text())
    streams = list(expected.values())
    known = statistics(streams)
    samples = sum(entry.num_samples for entry in corpus.open(out))
    assert (card["clips"], card["errors"], card["shards"]) == (12, 0, 3)
    assert card["tokens"] == known["tokens"] and card["hours"] == samples / 16000 / 3600
    for name, value in card["statistics"].items():
        assert value == pytest.approx(known[name], rel=1e-12), name
    assert (out / "errors.jsonl").read_bytes() == b""


def test_counts_survive_json():
    counts = Counts(4)
    assert counts.statistics() == {"tokens": 0}
    counts.add(np.array([1, 2, 2, 15], np.uint16))
    again = Counts.from_json(json.loads(json.dumps(counts.to_json())), 4)
    again += counts
    assert again.tokens[2] == 4 and again.pairs == 6 and again.flips.tolist() == [4, 2, 2, 2]
    with pytest.raises(ValueError, match="no counts"):
        Counts.from_json({"tokens": "AAAA"}, 4)


def test_the_same_audio_in_any_input_gives_the_same_tokens(run, clips, expected, tmp_path):
    table = tmp_path / "speech.tsv"
    rows = [f"{clips / name}\t{name}\tspeaker {name}\n" for name in expected]
    table.write_text("path\tid\tspeaker\n" + "".join(rows))
    _, out, _ = run(table, out="table")
    found = corpus.open(out)
    assert same({entry.id: entry.tokens for entry in found}, expected)
    assert all(entry.columns["speaker"] == f"speaker {entry.id}" for entry in found)

    with tarfile.open(tmp_path / "speech-0.tar", "w") as tar:
        tar.add(clips, "speech")
    table.rename(tmp_path / "other.tsv")  # it would describe the tar
    _, out, _ = run(tmp_path / "speech-0.tar", out="tar")
    assert same({entry.id: entry.tokens for entry in corpus.open(out)}, expected)

    urls = []
    for number, name in enumerate(expected):
        with fsspec.open(f"memory://bucket/{name}", "wb") as file:
            file.write((clips / name).read_bytes())
        urls.append((f"memory://bucket/{name}", f"file://{clips / name}", clips / name)[number % 3])
    listed = tmp_path / "urls.txt"
    listed.write_text("".join(f"{url}\n" for url in urls))
    _, out, _ = run(listed, out="list")
    by_path = {entry.path: entry.tokens for entry in corpus.open(out)}
    wanted = {str(url): expected[name] for url, name in zip(urls, expected, strict=True)}
    assert same(by_path, wanted)


def test_records_of_a_dataset_are_clips(run, clips, tmp_path, expected):
    assert main(["data", "build", str(clips), "--name", "speech", "--out", str(tmp_path)]) == 0
    code, out, _ = run(f"tfds:{tmp_path}/speech/1.0.0")
    found = {entry.id.partition("#")[0]: entry for entry in corpus.open(out)}
    exact = [name for name in expected if name in found and int(Path(name).stem) % 3 == 0]
    assert code == 0 and len(exact) > 1  # at 16 kHz nothing is rounded on the way
    assert all(np.array_equal(found[name].tokens, expected[name]) for name in exact)
    assert all(entry.columns["corpus"] in "ab" for entry in found.values())


def test_several_inputs_keep_apart(run, clips):
    _, out, _ = run(clips / "a", clips / "b")
    ids = [entry.id for entry in corpus.open(out)]
    assert len(ids) == 12 and ids[0] == "a/0.wav" and ids[-1] == "b/9.flac"


def test_columns_that_the_corpus_has_itself_are_renamed(run, clips, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text(f"path,sample_rate,note\n{clips}/a/0.wav,7,\n{clips}/a/2.wav,,x\n")
    _, out, _ = run(table)
    first, second = (entry.columns for entry in corpus.open(out))
    assert first == {"corpus": "t", "input_sample_rate": "7", "note": ""}
    assert second == {"corpus": "t", "input_sample_rate": "", "note": "x"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shard_clips": 4}, "shard_clips 5, and now it is 4"),
        ({"format": "flat"}, "format parquet, and now it is flat"),
        ({"model": pretrained.DEFAULT}, "model_id"),
        ("added", "other clips"),
        ("input", "inputs"),
    ],
)
def test_another_request_for_the_same_corpus_is_refused(run, speech, tmp_path, change, message):
    audio.write(tmp_path / "one.wav", speech(4000), 16000)
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "one.wav").rename(folder / "one.wav")
    code, out, _ = run(folder)
    before = contents(out)
    options = change if isinstance(change, dict) else {}
    if change == "added":
        audio.write(folder / "two.wav", speech(4000), 16000)
    if change == "input":
        folder = folder.rename(tmp_path / "elsewhere")
    code, _, err = run(folder, **options)
    assert code == 1 and message in err and err.count("\n") == 1
    assert contents(out) == before


def test_how_audio_is_read_is_part_of_the_plan(run, model, speech, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    wave = speech(9000)
    soundfile.write(folder / "a.wav", np.stack([wave, -wave], 1), 16000, "FLOAT")
    data = (folder / "a.wav").read_bytes()
    (folder / "b.wav").write_bytes(data[:-8000])
    pack = tmp_path / "in.tar"
    with tarfile.open(pack, "w") as tar:
        tar.add(folder / "b.wav", "b.wav")
    code, out, err = run(folder)
    assert code == 0 and "2 clips could not be read" in err
    how = {"channel": "right", "truncated": "keep"}
    code, _, err = run(folder, **how)
    assert code == 1 and "channel mix, and now it is right" in err
    code, out, err = run(folder, out="kept", **how)
    assert code == 0 and "could not be read" not in err
    assert f"{folder / 'b.wav'}: cut short" in err and "kept 0.500 s" in err
    tokenizer = AudioTokenizer.from_pretrained(model)
    tokens = corpus.open(out)
    np.testing.assert_array_equal(tokens.find("a.wav").tokens, tokenizer.encode(-wave, 16000))
    assert tokens.find("b.wav").num_samples == 8000
    assert main(["corpus", "verify", str(out), "--model", model]) == 0
    code, out, err = run(pack, out="tar", **how)
    assert code == 0 and f"{pack}/b.wav: cut short" in err


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "absent", "no such file or folder"),
        (lambda folder: folder.mkdir() or folder, "no audio there"),
        (lambda folder: folder.write_text("x") and folder, "its name does not end in"),
    ],
)
def test_inputs_without_clips_are_refused(run, tmp_path, make, message):
    code, out, err = run(make(tmp_path / "in"))
    assert code == 1 and message in err and err.count("\n") == 1
    assert not (out / "plan.json").exists()


def test_two_clips_of_one_id_are_refused(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("path\na.wav\na.wav\n")
    with pytest.raises(ValueError, match="t.csv: .* same id, 'a.wav'"):
        inputs.find([str(table)])


@given(st.integers(0, 50), st.integers(1, 60))
def test_parts_hold_each_shard_once(shards, count):
    plan = Plan(Path(), None, (), tuple(Shard(str(n), n, 1) for n in range(shards)))
    parts = [plan.part(number, count) for number in range(count)]
    assert [shard for part in parts for shard in part] == list(plan.shards)


def test_parts_together_give_the_same_bytes(run, clips):
    _, whole, _ = run(clips, out="whole")
    for number in (2, 0, 3, 1):
        code, parts, _ = run(clips, out="parts", shard=f"{number}/4")
        assert code == 0
    assert contents(parts) == contents(whole)


def test_verify_finds_what_is_wrong(run, clips, model, capsys, speech, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(4):
        audio.write(folder / f"{number}.wav", speech(9000, seed=number), 16000)
    _, out, _ = run(folder, shard_clips=2)

    def verify() -> tuple[int, str]:
        capsys.readouterr()
        code = main(["corpus", "verify", str(out), "--model", model, "--sample", "9"])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    code, said = verify()
    assert code == 0 and "4 clips are whole; 4 clips encoded again, 0 differ" in said
    audio.write(folder / "2.wav", speech(9000, seed=9), 16000)
    code, said = verify()
    assert code == 1 and "2.wav: other tokens" in said and "1 differ" in said
    shard = out / "shards" / "00001.parquet"
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    code, said = verify()
    assert code == 1 and f"{shard}: is not what was written" in said
    (out / "shards" / "00000.json").unlink()
    code, said = verify()
    assert code == 1 and "1 of 2 shards are not done" in said
