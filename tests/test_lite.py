"""`audiotok-lite` gives the tokens of this package, and its speech, without JAX."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sounds import make_speech

from audiotok_jax import AudioTokenizer, audio, cli, entropy, pretrained, tokenfile

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
LITE = Path(__file__).resolve().parent.parent / "lite"
sys.path.insert(0, str(LITE))

import audiotok_lite  # noqa: E402
from audiotok_lite import atok  # noqa: E402
from audiotok_lite import cli as lite_cli  # noqa: E402

RATE = 44_100


@pytest.fixture(scope="module")
def onnx(live: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("onnx")
    assert cli.main(["export", str(live), "--to", "onnx", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def codec(onnx: Path) -> audiotok_lite.Codec:
    return audiotok_lite.load(onnx)


@pytest.fixture(scope="module")
def tokenizer(live: Path) -> AudioTokenizer:
    import jax

    return AudioTokenizer.from_pretrained(live, devices=jax.devices()[:1])


@pytest.fixture(scope="module")
def wave() -> np.ndarray:
    """Longer than a window, two channels."""
    one = np.asarray(make_speech(4 * RATE + 123, 1, RATE))
    return np.stack([one, 0.3 * one[::-1]], axis=1)


def test_clips_have_the_tokens_and_speech_of_the_package(codec, tokenizer, wave):
    for samples, rate in ((wave, RATE), (wave[:, 0], 16_000), ((wave * 20_000).astype("i2"), 8000)):
        tokens = tokenizer.encode(samples, rate)
        assert len(set(tokens.tolist())) > 20
        found = codec.encode(samples, rate)
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, tokens)
        np.testing.assert_allclose(codec.decode(tokens), tokenizer.decode(tokens), atol=1e-4)


@pytest.mark.parametrize("window", [1, 8, 300])
def test_streams_give_what_clips_give(codec, wave, window):
    tokens = codec.encode(wave, RATE)
    cuts = np.cumsum([0, 1, 5000, 17, 60_000])
    pieces = list(codec.encode_stream(np.split(wave, cuts), RATE, window))
    assert {len(piece) for piece in pieces[:-1]} <= {window}
    np.testing.assert_array_equal(np.concatenate(pieces), tokens)
    speech = codec.decode(tokens)
    parts = list(codec.decode_stream(pieces, window))
    np.testing.assert_allclose(np.concatenate(parts), speech, atol=1e-4)


def test_a_stream_is_not_behind(codec, tokenizer):
    """The token of a frame comes with the last sample that it depends on."""
    given = 0
    chunks = [np.zeros(codec.hop_length, np.float32)] * 40

    def counted():
        nonlocal given
        for chunk in chunks:
            given += len(chunk)
            yield chunk

    after = tokenizer.config.encoder_halo[1]
    stream = codec.encode_stream(counted(), codec.sample_rate, 1)
    for frame in range(30):
        next(stream)
        assert given - (frame + 1) * codec.hop_length - after < codec.hop_length


def test_commands_write_what_those_of_the_package_write(onnx, live, wave, tmp_path):
    audio.write(tmp_path / "talk.wav", wave, RATE)
    names = ("talk.wav", "ours.atok", "lite.atok", "ours.wav", "lite.wav")
    talk, ours, lite, our_wave, lite_wave = (str(tmp_path / name) for name in names)
    assert cli.main(["encode", talk, "-o", ours, "--model", str(live)]) == 0
    assert lite_cli.main(["encode", talk, "-o", lite, "--model", str(onnx)]) == 0
    assert Path(lite).read_bytes() == Path(ours).read_bytes()
    assert cli.main(["decode", ours, "-o", our_wave, "--model", str(live)]) == 0
    assert lite_cli.main(["decode", ours, "-o", lite_wave, "--model", str(onnx)]) == 0
    (first, rate), (second, again) = audio.read(our_wave), audio.read(lite_wave)
    assert rate == again and first.shape == second.shape
    np.testing.assert_allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("bits", [16, 11])
def test_token_files_are_those_of_the_package(bits):
    tokens = np.random.default_rng(0).integers(0, 2**bits, 77).astype(np.uint16)
    shape = ("0123456789abcdef", 16_000, 200, 77 * 200 - 13, bits)
    data = atok.dumps(atok.TokenFile(tokens, *shape))
    assert data == tokenfile.dumps(tokenfile.TokenFile(tokens, *shape))
    found = atok.loads(data)
    np.testing.assert_array_equal(found.tokens, tokens)
    assert found[1:] == shape
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 4
        with pytest.raises(ValueError):
            atok.loads(bytes(damaged))
        with pytest.raises(ValueError):
            atok.loads(data[:place])


def test_what_is_wrong_is_said_in_a_line(onnx, tmp_path, capsys):
    coder = entropy.load(pretrained.DEFAULT)
    other = tokenfile.TokenFile(np.zeros(3, np.uint16), coder.prior.model_id, 16_000, 200, 600)
    tokenfile.write(tmp_path / "other.atok", other)
    tokenfile.write(tmp_path / "compact.atok", other, coder)
    (tmp_path / "no.wav").write_text("no audio")
    (tmp_path / "there.atok").write_text("mine")
    out = str(tmp_path / "out.wav")
    for command, said in (
        (["decode", tmp_path / "other.atok", "-o", out], "made by model"),
        (["decode", tmp_path / "compact.atok", "-o", out], "compact tokens; `audiotok`"),
        (["decode", tmp_path / "no.atok", "-o", out], "No such file"),
        (["encode", tmp_path / "no.wav"], "no.wav: "),
        (["encode", tmp_path / "no.wav", "-o", tmp_path / "there.atok"], "--force replaces it"),
    ):
        assert lite_cli.main([*map(str, command), "--model", str(onnx)]) == 1
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    assert lite_cli.main(["encode", str(tmp_path / "no.wav"), "--model", str(tmp_path)]) == 1
    assert "audiotok export MODEL --to onnx" in capsys.readouterr().err
    assert (tmp_path / "there.atok").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("compact.atok", "no.wav", "other.atok", "there.atok")
    ]


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("model.json", lambda data: data[:-9], "damaged"),
        ("model.json", lambda data: data.replace(b'"format": 1', b'"format": 9'), "format 9"),
        ("model.json", lambda data: data.replace(b"hop_length", b"hop"), "hop_length missing"),
        ("model.json", lambda data: data.replace(b'"model_id": "', b'"model_id": "0'), "another"),
        ("encoder.onnx", lambda data: data[: len(data) // 2], "damaged"),
    ],
)
def test_a_damaged_model_is_refused(onnx, tmp_path, name, damage, said):
    for path in onnx.iterdir():
        data = path.read_bytes()
        (tmp_path / path.name).write_bytes(damage(data) if path.name == name else data)
    with pytest.raises(ValueError, match=said) as caught:
        audiotok_lite.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_it_imports_neither_jax_nor_this_package(onnx, tmp_path):
    """Whose loading would take seconds; a stream is encoded and decoded."""
    script = """
import sys, time
start = time.perf_counter()
import audiotok_lite
took = time.perf_counter() - start
import numpy as np
codec = audiotok_lite.load(sys.argv[1])
pieces = codec.encode_stream([np.zeros(16000, np.float32)], 16000)
assert sum(map(len, codec.decode_stream(pieces))) == 16000
assert not {"jax", "flax", "audiotok_jax"} & set(sys.modules)
print(took)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, onnx],
        env=os.environ | {"PYTHONPATH": str(LITE)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 5  # a quarter of a second, on a machine that does nothing else
