"""Tests of the command line: in process, except for pipes."""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax import (
    AudioTokenizer,
    audio,
    cli,
    commands,
    distributed,
    formats,
    interchange,
    picture,
    pretrained,
    terminal,
)
from audiotok_jax import tokenfile as tf
from audiotok_jax.codec import model
from audiotok_jax.train import loop

RATE = 16000
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def folder(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model."""
    path = tmp_path_factory.mktemp("model")
    config, params = tiny
    pretrained.save(path, params, config)
    return path


@pytest.fixture(scope="module")
def saved(folder: Path) -> AudioTokenizer:
    """The same model for use from Python."""
    return AudioTokenizer.from_pretrained(folder, devices=jax.devices()[:1])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(here: Path, folder: Path, capfd: Any) -> Callable[..., tuple[int, str, str]]:
    """Runs a subcommand with the tiny model: the exit code, standard output, standard error."""

    def run(verb: str, *args: str | Path, model: Path | None = folder) -> tuple[int, str, str]:
        named = ("--model", model) if model and verb in ("encode", "decode", "roundtrip") else ()
        code = cli.main([verb, *map(str, (*args, *named))])
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def clip(speech: Any) -> Callable[..., np.ndarray]:
    """Writes a clip and returns its samples as they can be read again."""

    def write(path: str | Path, samples: int = 5000, seed: int = 0, rate: int = RATE) -> np.ndarray:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, speech(samples, seed, rate), rate)
        return audio.read(path, RATE)[0]

    return write


def files(path: Path) -> list[str]:
    """All files below a folder, hidden ones too."""
    return sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())


def assert_one_line(err: str, *parts: str) -> None:
    """Fails unless standard error is one line of ours that holds all parts."""
    assert err.startswith("audiotok: ") and err.count("\n") == 1 and err.endswith("\n"), err
    for part in parts:
        assert part in err


@pytest.mark.parametrize("samples", [1, 199, 200, 201, 60_001])
def test_encode_then_decode_keeps_the_length_and_agrees_with_python(run, clip, saved, samples):
    wave = clip("talk.flac", samples)
    assert run("encode", "talk.flac") == (0, "", "")
    stored = tf.read("talk.atok", saved.model_id)
    np.testing.assert_array_equal(stored.tokens, saved.encode(wave, RATE))
    assert stored.num_samples == samples
    assert run("decode", "talk.atok", "-o", "again.flac") == (0, "", "")
    again, rate = audio.read("again.flac")
    assert len(again) == samples and rate == RATE
    expected = saved.decode(stored.tokens, samples).clip(-1, 1)
    np.testing.assert_allclose(again, expected, atol=1e-4)


def test_other_rates_and_channels_count_samples_at_the_rate_of_the_model(run, here, saved, speech):
    wave = speech(22_051, rate=22_050)
    import soundfile

    soundfile.write("stereo.wav", np.stack([wave, wave], 1), 22_050, subtype="PCM_16")
    assert run("encode", "stereo.wav")[0] == 0
    stored = tf.read("stereo.atok")
    assert stored.num_samples == 16_001  # ceil(22051 * 16000 / 22050)
    read, _ = audio.read("stereo.wav", RATE)
    np.testing.assert_array_equal(stored.tokens, saved.encode(read, RATE))


def test_a_channel_can_be_chosen_where_the_mix_is_silent(run, here, saved, speech):
    import soundfile

    wave = speech(9_000)
    soundfile.write("a.wav", np.stack([wave, -wave], 1), RATE, "FLOAT")
    soundfile.write("b.wav", np.stack([wave / 2, wave, -wave / 2, -wave], 1), RATE, "FLOAT")
    for name in ("a", "b"):
        code, _, err = run("encode", f"{name}.wav")
        assert code == 1 and err.startswith(f"audiotok: {name}.wav: the channels cancel each other")
        assert "--channel" in err and err.count("\n") == 1
    expected = saved.encode(wave, RATE)
    for name, channel in (("a", "left"), ("a", "1"), ("b", "right"), ("b", "2")):
        assert run("encode", f"{name}.wav", "--channel", channel, "--force") == (0, "", "")
        np.testing.assert_array_equal(tf.read(f"{name}.atok").tokens, expected)
    assert run("roundtrip", "a.wav", "-o", "out", "--channel", "left")[0] == 0
    np.testing.assert_array_equal(tf.read("out/a.atok").tokens, expected)
    code, _, err = run("encode", "a.wav", "--channel", "3", "--force")
    assert code == 1 and err == "audiotok: a.wav: there is no channel 3: there are 2\n"
    with pytest.raises(SystemExit, match="2"):
        run("encode", "a.wav", "--channel", "0")


def test_what_is_kept_of_cut_audio_is_said_in_a_line(run, here, saved, clip):
    clip("a.wav", 9_000)
    data = Path("a.wav").read_bytes()
    Path("a.wav").write_bytes(data[: 44 + 2 * 8_000])
    code, _, err = run("encode", "a.wav")
    assert code == 1 and "cut short" in err and not Path("a.atok").exists()
    for verb, *options in (("encode",), ("roundtrip", "-o", "out")):
        code, _, err = run(verb, "a.wav", *options, "--truncated", "keep")
        assert code == 0 and err.count("\n") == 1
        assert err.startswith("audiotok: a.wav: cut short") and err.endswith("kept 0.500 s\n")
    assert tf.read("a.atok").num_samples == tf.read("out/a.atok").num_samples == 8_000


@pytest.mark.parametrize("chosen", ["option", "name", "folder"])
@pytest.mark.parametrize("suffix", formats.TOKENS)
def test_token_formats(run, clip, saved, suffix, chosen):
    wave = clip("talk.wav", 5100)
    out = Path("out") / f"talk{suffix}" if chosen != "option" else Path(f"talk{suffix}")
    args = {
        "option": ("--format", suffix[1:]),
        "name": ("-o", str(out)),
        "folder": ("--format", suffix[1:], "-o", "out/"),
    }[chosen]
    assert run("encode", "talk.wav", *args) == (0, "", "")
    expected = saved.encode(wave, RATE)
    if suffix == ".npy":
        tokens = np.load(out, allow_pickle=False)
        assert tokens.dtype == np.uint16
    elif suffix == ".json":
        fields = json.loads(out.read_text())
        tokens = fields.pop("tokens")
        assert fields == {
            "model_id": saved.model_id,
            "sample_rate": 16000,
            "frame_rate": 80.0,
            "hop_length": 200,
            "bits": 16,
            "num_samples": 5100,
        }
    else:
        tokens = tf.read(out).tokens
    np.testing.assert_array_equal(tokens, expected)
    assert run("decode", out, "-o", "again.wav") == (0, "", "")
    # An .npy file does not say where the speech ends within its last token.
    assert len(audio.read("again.wav")[0]) == (5200 if suffix == ".npy" else 5100)


def test_suffixes_are_those_that_can_be_handled():
    assert tuple(interchange.DUMPS) == formats.TOKENS
    for suffix in formats.AUDIO_WRITTEN:
        audio.Writer(f"x{suffix}", RATE)


@pytest.mark.parametrize("suffix", formats.AUDIO_WRITTEN)
def test_audio_formats(run, clip, suffix):
    clip("talk.wav", 8000)
    run("encode", "talk.wav")
    assert run("decode", "talk.atok", "--suffix", suffix, "-o", "out/") == (0, "", "")
    assert files(Path("out")) == [f"talk{suffix}"]
    assert len(audio.read(f"out/talk{suffix}")[0]) >= 8000


def test_folders_keep_their_structure(run, here, clip, saved):
    waves = {name: clip(f"in/{name}.wav", 3000, seed) for seed, name in enumerate(("a", "s/a"))}
    Path("in/notes.txt").write_text("no audio")
    clip("b.flac")
    assert run("encode", "in", "b.flac", "-o", "out") == (0, "", "")
    assert files(Path("out")) == ["a.atok", "b.atok", "s/a.atok"]
    for name, wave in waves.items():
        tokens = tf.read(f"out/{name}.atok").tokens
        np.testing.assert_array_equal(tokens, saved.encode(wave, RATE))
    assert run("decode", "out", "-o", "back", "--suffix", ".flac") == (0, "", "")
    assert files(Path("back")) == ["a.flac", "b.flac", "s/a.flac"]
    assert run("encode", "in") == (0, "", "")
    assert files(Path("in")) == ["a.atok", "a.wav", "notes.txt", "s/a.atok", "s/a.wav"]


def test_encode_names_bad_files_and_writes_the_good_ones(run, here, clip, saved):
    waves = [clip("in/1.wav", 9000, 1), clip("in/5.wav", 100, 5), clip("in/9.flac", 70_000, 9)]
    Path("in/2.wav").touch()
    Path("in/3.flac").write_bytes(b"not audio" * 99)
    clip("in/4.wav", 200_000)
    os.truncate("in/4.wav", 300_000)  # read to its end before that shows
    clip("in/6.wav")
    Path("out").mkdir()
    Path("out/6.atok").mkdir()
    code, out, err = run("encode", "in", "-o", "out", "--force")
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert len(lines) == 4 and all(line.startswith("audiotok: ") for line in lines)
    for line, name in zip(lines, ("in/2.wav", "in/3.flac", "in/4.wav", "out/6.atok"), strict=True):
        assert name in line
    assert files(Path("out")) == ["1.atok", "5.atok", "9.atok"]
    for name, wave in zip("159", waves, strict=True):
        tokens = tf.read(f"out/{name}.atok").tokens
        np.testing.assert_array_equal(tokens, saved.encode(wave, RATE))


def test_decode_names_bad_files_and_writes_the_good_ones(run, here, clip):
    for name in "135":
        clip(f"in/{name}.wav", 30_000 + int(name), int(name))
    run("encode", "in", "-o", "tokens")
    data = Path("tokens/1.atok").read_bytes()
    Path("tokens/0.atok").write_bytes(data[:-1])
    Path("tokens/2.npy").write_bytes(b"")
    Path("out/3.wav").mkdir(parents=True)
    code, out, err = run("decode", "tokens", "-o", "out", "--force")
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert len(lines) == 3
    for name in ("tokens/0.atok", "tokens/2.npy", "out/3.wav"):
        assert sum(name in line for line in lines) == 1
    assert files(Path("out")) == ["1.wav", "5.wav"]
    assert [len(audio.read(f"out/{name}.wav")[0]) for name in "15"] == [30_001, 30_005]


def test_all_inputs_bad(run, here):
    Path("a.wav").write_bytes(b"junk")
    code, _, err = run("encode", "a.wav")
    assert code == 1
    assert_one_line(err, "a.wav")
    code, _, err = run("decode", "a.wav", "-o", "b.wav")
    assert code == 1
    assert_one_line(err, "a.wav", "not a token file")
    assert files(here) == ["a.wav"]


def test_existing_outputs_are_kept_unless_forced(run, here, clip):
    clip("in/a.wav")
    clip("in/b.wav")
    Path("in/a.atok").write_text("mine")
    code, out, err = run("encode", "in")
    assert (code, out) == (0, "")
    assert_one_line(err, "1 of 2", "--force")
    assert Path("in/a.atok").read_text() == "mine"
    assert tf.read("in/b.atok").num_samples == 5000
    code, _, err = run("encode", "in", model=Path("no/such/model"))  # nothing to do: not loaded
    assert code == 0
    assert_one_line(err, "2 of 2")
    assert run("encode", "in", "--force") == (0, "", "")
    assert tf.read("in/a.atok").num_samples == 5000


def test_decode_keeps_the_original_beside_the_tokens(run, here, clip):
    clip("a.wav")
    run("encode", "a.wav")
    before = Path("a.wav").read_bytes()
    code, _, err = run("decode", "a.atok")
    assert code == 0
    assert_one_line(err, "kept")
    assert Path("a.wav").read_bytes() == before


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("encode", "a.wav", "s", "-o", "out"), "a.wav and s/a.wav would both become out/a."),
        (("encode", "a.wav", "a.flac", "-o", "-"), "one input"),
        (("encode", "a.wav", "s", "-o", "a.flac"), "a.flac is a file"),
        (("encode", "a.wav", "-o", "a.bin"), ".atok or .npy or .json"),
        (("encode", "a.wav", "-o", "a.npy", "--format", "json"), ".json"),
        (("encode", "none.wav"), "none.wav: No such file"),
        (("encode", "empty"), "empty: no file in this folder"),
        (("decode", "a.atok", "-o", "b.bin"), ".wav or .flac"),
        (("decode", "a.atok", "-o", "-", "--suffix", ".flac"), "standard output is WAV"),
        (("decode", "none.atok"), "none.atok: No such file"),
        (("decode", "empty"), "empty: no file in this folder"),
        (("decode", "corpus"), "corpus: a corpus; see audiotok corpus info, export and decode"),
        (("roundtrip", "a.wav", "-o", ".", "--force"), "a.wav is an input"),
        (("roundtrip", "a.wav", "s", "-o", "out"), "a.wav and s/a.wav would both become out/a.wav"),
        (("info", "a.wav"), "a.wav: not a token file"),
        (("info", "none.atok"), "none.atok: No such file"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(run, here, clip, args, complaint):
    for name in ("a.wav", "a.flac", "s/a.wav", "a.original.wav"):
        clip(name)
    Path("a.atok").touch()
    Path("empty").mkdir()
    Path("corpus").mkdir()
    Path("corpus/plan.json").touch()
    before = {name: Path(name).read_bytes() for name in files(here)}
    code, out, err = run(*args)
    assert (code, out) == (1, "")
    assert_one_line(err, complaint)
    assert {name: Path(name).read_bytes() for name in files(here)} == before


def test_no_such_model(run, clip):
    clip("a.wav")
    code, _, err = run("encode", "a.wav", model=Path("no/such/model"))
    assert code == 1
    assert_one_line(err, "no/such/model")


def test_binary_is_not_written_to_a_terminal(run, clip, monkeypatch):
    clip("a.wav")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, err = run("encode", "a.wav", "-o", "-")
    assert (code, out) == (1, "")
    assert_one_line(err, "terminal")


def test_tokens_of_another_model(run, clip, tiny, tmp_path):
    config, _ = tiny
    other = tmp_path / "other"
    pretrained.save(other, model.init(jax.random.key(1), config), config)
    clip("a.wav")
    clip("b.wav")
    run("encode", "a.wav", "-o", "tokens/")
    run("encode", "b.wav", "-o", "tokens/", model=other)
    run("encode", "b.wav", "-o", "tokens/c.json", model=other)
    code, _, err = run("decode", "tokens", "-o", "out")
    assert code == 1
    assert files(Path("out")) == ["a.wav"]
    lines = err.splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, ("tokens/b.atok", "tokens/c.json"), strict=True):
        assert name in line and "another model" in line and "--model" in line
    assert run("decode", "tokens/b.atok", "-o", "b2.wav", model=other) == (0, "", "")


def npy(array: Any) -> bytes:
    """The bytes of an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


HUGE = npy(np.zeros(10, np.uint16)).replace(b"(10,), }" + b" " * 9, b"(99999999999,), }")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (npy(np.zeros((2, 3), np.uint16)), "integers of shape (T,)"),
        (npy(np.zeros((), np.uint16)), "integers of shape (T,)"),
        (npy(np.zeros(3, np.float32)), "integers of shape (T,)"),
        (npy(np.array([{}])), "integers of shape (T,)"),
        (npy(np.array([1, -1])), "0..65535"),
        (npy(np.array([65536])), "0..65535"),
        (npy(np.zeros(0, np.uint16)), "announces 0 tokens"),
        (npy(np.zeros(3, np.uint16))[:-1], "announces 3 tokens"),
        (npy(np.zeros(3, np.uint16)) + b"\0", "announces 3 tokens"),
        (HUGE, "announces 99999999999 tokens"),
        (npy(np.zeros(3, np.uint16))[:40], "header"),
        (b"\x93NUMPY\x09\x00", "header"),
        (b"{", "not JSON"),
        (b'{"tokens": ' + b"[" * 100_000, "not JSON"),
        (b'{"tokens": [1]}', "lacks model_id"),
        ({"tokens": [1.5]}, "integers"),
        ({"tokens": [[1], [2, 3]]}, "shape"),
        ({"tokens": [65536]}, "0..65535"),
        ({"tokens": [1, 2]}, "make 1 tokens"),
        ({"num_samples": 0}, "num_samples must lie in 1.."),
        ({"num_samples": "many"}, "num_samples"),
        ({"model_id": "../.."}, "model_id"),
        ({"hop_length": 400}, "another model"),
        ({"sample_rate": 8000}, "another model"),
        ({"bits": 10}, "another model"),
    ],
)
def test_bad_npy_and_json_files(run, here, saved, data, complaint):
    if isinstance(data, dict):
        good = interchange.of_model(np.ones(1, np.uint16), 150, saved)
        data = json.dumps(json.loads(interchange.dump_json(good)) | data).encode()
    Path("tokens").write_bytes(data)
    code, _, err = run("decode", "tokens", "-o", "out.wav")
    assert code == 1
    assert_one_line(err, "tokens: ", complaint)
    assert files(here) == ["tokens"]


@given(st.integers(0, 147), st.binary(min_size=1, max_size=4), st.sampled_from(["npy", "json"]))
def test_damaged_npy_and_json_files_are_tokens_or_an_error(tmp_path_factory, saved, at, junk, kind):
    good = interchange.of_model(np.arange(10, dtype=np.uint16), 1999, saved)
    data = interchange.DUMPS[f".{kind}"](good)
    path = tmp_path_factory.mktemp("damaged") / "tokens"
    path.write_bytes(data[:at] + junk + data[at + len(junk) :])
    try:
        found = interchange.read(path, saved)
    except tf.TokenFileError as error:
        assert str(path) in str(error)
    else:
        assert len(found.tokens) == -(-found.num_samples // 200)


def test_roundtrip(run, here, clip, saved):
    wave = clip("in/s/a.flac", 40_100)
    clip("in/b.wav", 16_000)
    Path("in/bad.wav").write_bytes(b"junk")
    code, out, err = run("roundtrip", "in", "-o", "out")
    assert code == 1
    assert_one_line(err, "in/bad.wav")
    names = [f"{clip}{end}" for clip in ("b", "s/a") for end in (".atok", ".original.wav")]
    names += [f"{clip}{end}" for clip in ("b", "s/a") for end in (".png", ".wav")]
    assert files(Path("out")) == sorted(names)
    stored = tf.read("out/s/a.atok", saved.model_id)
    np.testing.assert_array_equal(stored.tokens, saved.encode(wave, RATE))
    np.testing.assert_array_equal(audio.read("out/s/a.original.wav")[0], wave)
    assert len(audio.read("out/s/a.wav")[0]) == 40_100
    assert Path("out/s/a.png").read_bytes().startswith(b"\x89PNG")

    head, b, a = [line.split() for line in out.splitlines()]
    assert head == "clip seconds tokens kbps ratio encode x decode x".split()
    assert b[:5] == ["out/b", "1.00", "80", "1.280", "200.0"]
    # 201 tokens of 16 bits for 40,100 samples of 16 bits at 16 kHz.
    assert a[:5] == ["out/s/a", "2.51", "201", "1.283", "199.5"]
    assert all(float(cell) > 0 for cell in a[5:] + b[5:])

    code, out, err = run("roundtrip", "in/b.wav", "-o", "out")
    assert (code, out) == (0, "")
    assert_one_line(err, "kept")


def test_spectrogram_shows_a_sine_where_it_is():
    time = np.arange(RATE) / RATE
    level = picture.spectrogram(np.sin(2 * np.pi * 1000 * time).astype(np.float32), RATE)
    assert level.shape == (257, 250)
    middle = level[:, 50:-50]
    np.testing.assert_array_equal(middle.argmax(axis=0), 32)  # 1000 Hz of 31.25 Hz a row
    np.testing.assert_allclose(middle.max(axis=0), 0, atol=0.1)


@pytest.mark.parametrize("samples", [1, 100, 3_000_000])
def test_spectrogram_of_any_length(samples):
    level = picture.spectrogram(np.zeros(samples, np.float32), RATE)
    assert 1 <= level.shape[1] <= picture.MAX_COLUMNS
    assert np.isfinite(level).all()


def test_info(run, here, clip, saved):
    clip("a.wav", 5000)
    run("encode", "a.wav")
    Path("bad.atok").write_bytes(b"junk")
    code, out, err = run("info", "bad.atok", "a.atok")
    assert code == 1
    assert_one_line(err, "bad.atok")
    for part in ("a.atok", saved.model_id, "0.312 s, 5000 samples", "16000 Hz", "25,", "1.28 kbps"):
        assert part in out
    code, out, err = run("info")
    assert (code, err) == (0, "")
    for part in (jax.__version__, "cpu:0", "small-80hz: 80 tokens/s of 16 bits, 1.28 kbps"):
        assert part in out


@pytest.mark.parametrize(
    "error",
    [ValueError("x\ny"), FloatingPointError("x y"), OSError("x y"), OSError(2, "y", "x")],
    ids=repr,
)
def test_train_errors_are_one_line(run, monkeypatch, error):
    def fail(_: Any) -> None:
        raise error

    monkeypatch.setattr(distributed, "start", lambda *_: None)
    monkeypatch.setattr(loop, "train", fail)
    code, out, err = run("train", "--preset", "tiny-50hz", "--data", "a", "--out", "r")
    assert (code, out) == (1, "")
    assert_one_line(err, "x", "y")


def test_interrupt_is_quiet_and_leaves_nothing_half_written(run, here, clip, monkeypatch):
    clip("a.wav", 90_000)
    run("encode", "a.wav")
    original = AudioTokenizer.decode_clips

    def stop(self: AudioTokenizer, clips: Any) -> Iterator[tuple[int, np.ndarray]]:
        yield next(iter(original(self, clips)))
        raise KeyboardInterrupt

    monkeypatch.setattr(AudioTokenizer, "decode_clips", stop)
    assert run("decode", "a.atok", "-o", "b.wav") == (130, "", "")
    assert files(here) == ["a.atok", "a.wav"]


def test_a_terminal_gets_a_bar_and_a_table(run, clip, monkeypatch):
    clip("a.wav")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    code, out, err = run("encode", "a.wav")
    assert (code, out) == (0, "")
    assert "encode" in err and "\x1b[" in err
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, _ = run("roundtrip", "a.wav", "-o", "out")
    assert code == 0 and "┃" in out and "seconds" in out and "0.31" in out


@pytest.mark.parametrize("verb", ["encode", "decode", "roundtrip", "info", "stats", "train"])
def test_help_shows_an_example(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([verb, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"\n  audiotok {verb} " in text


@pytest.mark.parametrize("args", [[], ["sing"], ["encode"], ["roundtrip", "a.wav"], ["info", "-x"]])
def test_wrong_arguments(args, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(args)
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("usage: audiotok")


def audiotok(*args: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Runs the command in a process of its own."""
    command = [sys.executable, "-m", "audiotok_jax", *map(str, args)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(command, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path},
                          **options)  # fmt: skip


def test_pipes(here, clip, folder, saved):
    wave = clip("a.wav", 5001)
    piped = {"stdout": subprocess.PIPE}
    data = Path("a.wav").read_bytes()
    encoded = audiotok("encode", "-", "--model", folder, input=data, **piped)
    assert (encoded.returncode, encoded.stderr) == (0, b"")
    np.testing.assert_array_equal(tf.loads(encoded.stdout).tokens, saved.encode(wave, RATE))
    decoded = audiotok("decode", "-", "--model", folder, "-o", "-", input=encoded.stdout, **piped)
    assert (decoded.returncode, decoded.stderr) == (0, b"")
    Path("b.wav").write_bytes(decoded.stdout)
    assert len(audio.read("b.wav")[0]) == 5001
    refused = audiotok("decode", "-", "--model", folder, input=b"junk", **piped)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert_one_line(refused.stderr.decode(), "<stdin>: not a token file")


@pytest.mark.parametrize("args", [("info",), ("encode", "a.wav", "-o", "-")], ids=" ".join)
def test_a_reader_that_goes_away_is_no_error(here, clip, folder, args):
    clip("a.wav")
    there, gone = os.pipe()
    os.close(there)
    model = ("--model", folder) if args[0] == "encode" else ()
    done = audiotok(*args, *model, stdout=gone)
    os.close(gone)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    "args",
    ["--help", "--version", "encode --help", "train --help", "corpus --help", "corpus run --help",
     "sing", "decode a.wav --bits", "page"],
)  # fmt: skip
def test_help_and_wrong_arguments_import_nothing_but_the_standard_library(args):
    code = (
        "import atexit, sys; from audiotok_jax import cli;"
        "atexit.register(lambda: print({m.split('.')[0] for m in sys.modules}"
        " - sys.stdlib_module_names - before, file=sys.stderr));"
        "before = {m.split('.')[0] for m in sys.modules} - {'audiotok_jax', 'jax', 'numpy'};"
        f"cli.main({args.split()})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.endswith("{'audiotok_jax'}\n"), done.stderr
    assert done.returncode == (0 if args.startswith("--") or args.endswith("--help") else 2)


def test_what_takes_long_tells_a_log_that_it_goes_on(monkeypatch, capsys):
    now = iter((0.0, 10.0, 31.0, 31.0, 45.0, 62.0, 62.0))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(now))
    with terminal.progress("encode", 3) as advance:
        for seconds, files in ((60.0, 0), (60.0, 0), (0.0, 1), (30.0, 1)):
            advance(seconds, files)
    assert capsys.readouterr().err.splitlines() == [
        "audiotok: encode: 0 of 3 files done, 120 s of audio in",
        "audiotok: encode: 2 of 3 files done, 150 s of audio in",
    ]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("audiotok en", "encode"), ("audiotok encode ta", "talk.flac"),
     ("audiotok corpus ver", "verify"), ("audiotok corpus run --eng", "--engine"),
     ("audiotok decode --model mo", "model")],
)  # fmt: skip
def test_a_shell_completes_commands_options_and_files(typed, offered, here, capsys):
    assert cli.main(["completion", "bash"]) == 0
    (here / "talk.flac").touch()
    (here / "model").mkdir()
    script = (
        f"{capsys.readouterr().out}\nCOMP_WORDS=({typed})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))"
    )
    script += '\n_shtab_audiotok\necho "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == [offered], done.stderr


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    name, number = capsys.readouterr().out.split()
    assert name == "audiotok_jax" and number == importlib.metadata.version("audiotok_jax")


def test_a_module_in_commands_is_a_subcommand(tmp_path, monkeypatch, capsys):
    (tmp_path / "sing.py").write_text(
        '"""Sing a song.\n\nOf sixpence."""\nEXAMPLES = ("audiotok sing loud",)\n'
        'def add_arguments(parser):\n    parser.add_argument("how")\n'
        "def run(args):\n    print(args.how)\n    return 7\n"
    )
    (tmp_path / "_helper.py").write_text("raise AssertionError\n")
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    assert cli.main(["sing", "loud"]) == 7
    assert capsys.readouterr().out == "loud\n"
    for args, words in (["--help"], "sing a song"), (["sing", "--help"], "Of sixpence."):
        with pytest.raises(SystemExit):
            cli.main(args)
        assert words in capsys.readouterr().out
    monkeypatch.delitem(sys.modules, "audiotok_jax.commands.sing")


def test_public_names_are_lazy_and_known():
    code = (
        "import sys, audiotok_jax as package; names = set(package.__all__);"
        "print(names <= set(dir(package)), 'numpy' in sys.modules);"
        "print(all(getattr(package, name) for name in names), package.audio.read.__name__);"
        "print(package.preset is package.config.preset, hasattr(package, 'absent'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["True", "False", "True", "read", "True", "False"], done.stderr


def options(parser: argparse.ArgumentParser, *verb: str) -> Iterator[tuple[list[str], str, str]]:
    """The words that lead to each option with a value, the option, and where its value goes."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from options(inner, *verb, name)
        elif action.option_strings and action.nargs in (None, "+") and action.dest != "help":
            yield [*verb], action.option_strings[-1], action.dest


NO_PATHS = (
    "bits format suffix preset minutes steps stage batch_size seconds learning_rate precision seed "
    "save_minutes profile set coordinator processes process codec codecs limit jobs language name "
    "split sample offset begin end shard_clips workers shard engine max_errors title intro metrics "
    "channel truncated to from_ to_ rate channels frames rounds peers"
).split()


@pytest.mark.parametrize(
    ("verb", "option", "name"),
    [one for one in options(cli.parser()) if one[2] not in NO_PATHS],
    ids=lambda one: " ".join(one) if isinstance(one, list) else one,
)
def test_options_that_name_paths_know_the_home(verb, option, name, monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/mine")
    parser = cli.parser()
    for verb_parser in verb:
        [verbs] = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        parser = verbs.choices[verb_parser]
    [action] = [one for one in parser._actions if one.dest == name]
    root = Path("~root").expanduser()
    for text, expected in (
        ("~/x/y", "/home/of/mine/x/y"), ("~root/x", f"{root}/x"), ("x~/y", "x~/y"), ("-", "-"),
    ):  # fmt: skip
        assert parser._get_value(action, text) == expected
