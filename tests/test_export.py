"""Exports: what runs them without this package gives the same tokens, and the same speech."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from sounds import make_speech

from audiotok_jax import cli, pretrained
from audiotok_jax.codec import model
from audiotok_jax.codec.integer import reference
from audiotok_jax.pretrained import Model

SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FRAMES = 60


@pytest.fixture(scope="module")
def released(live: Path) -> Model:
    return pretrained.load(live)


@pytest.fixture(scope="module")
def samples(released: Model) -> np.ndarray:
    """A loud clip of whole frames, int16."""
    wave = np.asarray(make_speech(FRAMES * released.config.hop_length))
    wave = np.clip(np.round(wave * 40_000), -(2**15), 2**15 - 1).astype(np.int16)
    wave[-2000:] = np.resize([2**15 - 1, -(2**15)], 2000)
    return wave


@pytest.fixture(scope="module")
def tokens(released: Model, samples: np.ndarray) -> np.ndarray:
    found = reference.encode(released.params["encoder"], released.config, samples)
    assert len(set(found.tolist())) > FRAMES // 2
    return found


@pytest.fixture(scope="module")
def decoded(released: Model, tokens: np.ndarray) -> np.ndarray:
    found = model.decode(released.params, released.config, tokens[None].astype(np.int32))[0]
    assert 0.05 < np.sqrt(np.mean(found**2)) < 1
    return np.asarray(found)


def exported(live: Path, to: str, out: Path) -> Path:
    assert cli.main(["export", str(live), "--to", to, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def onnx(live: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    return exported(live, "onnx", tmp_path_factory.mktemp("onnx"))


def session(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(path)


def test_onnx_gives_the_tokens_of_the_reference(onnx, released, samples, tokens):
    encoder = session(onnx / "encoder.onnx")
    config = released.config
    left, right = config.encoder_halo
    rng = np.random.default_rng(0)
    noises = [
        rng.integers(-(2**15), 2**15, len(samples)),
        rng.integers(-1, 2, len(samples)),
        np.full(len(samples), -(2**15)),
        np.where(rng.random(len(samples)) < 0.01, 2**15 - 1, 0),
    ]
    waves = np.stack([samples, *noises]).astype(np.int16)
    found = encoder.run(None, {"samples": np.pad(waves, ((0, 0), (left, right)))})[0]
    np.testing.assert_array_equal(found[0], tokens)
    for wave, row in zip(waves, found, strict=True):
        wanted = reference.encode(released.params["encoder"], config, wave)
        np.testing.assert_array_equal(row, wanted)
    # A window in the middle.
    window = np.pad(samples, (left, right))[None, 7 * config.hop_length :]
    window = window[:, : left + 5 * config.hop_length + right]
    np.testing.assert_array_equal(encoder.run(None, {"samples": window})[0][0], tokens[7:12])


@pytest.mark.parametrize("window", [FRAMES, 20, 3])
def test_onnx_decodes_in_windows_as_jax_does(onnx, released, tokens, decoded, window):
    decoder = session(onnx / "decoder.onnx")
    left, right = released.config.decoder_halo
    padded = np.pad(tokens.astype(np.int32), (left, right), constant_values=-1)
    phase = frame = np.zeros(1, np.int64)
    parts = []
    for start in range(0, FRAMES, window):
        part = padded[None, start : start + window + left + right]
        feeds = {"tokens": part, "phase": phase, "frame": frame}
        wave, phase, frame = decoder.run(None, feeds)
        parts.append(wave[0])
    np.testing.assert_allclose(np.concatenate(parts), decoded, atol=1e-4)
    assert frame == [FRAMES] and 0 < phase < 2**32


def test_onnx_says_what_it_is(onnx, released):
    about = json.loads((onnx / "model.json").read_text())
    assert about["model_id"] == released.model_id
    for name in ("encoder", "decoder"):
        meta = session(onnx / f"{name}.onnx").get_modelmeta()
        assert meta.custom_metadata_map == {"model_id": released.model_id}


def test_the_readme_of_onnx_runs(onnx, samples, tokens, decoded, monkeypatch):
    monkeypatch.chdir(onnx)
    names = {"samples": samples}
    exec(SNIPPET.findall((onnx / "README.md").read_text())[0], names)
    np.testing.assert_array_equal(names["tokens"][0], tokens)
    np.testing.assert_allclose(names["wave"][0], decoded, atol=1e-4)


def test_stablehlo_is_loaded_by_its_readme(live, samples, tokens, decoded, tmp_path, monkeypatch):
    pytest.importorskip("flatbuffers")
    folder = tmp_path / "out"
    # In a process without the checks of annotations, which take no symbolic lengths.
    command = (sys.executable, "-m", "audiotok_jax", "export", live, "--to", "stablehlo")
    subprocess.run([*command, "--out", folder], check=True, capture_output=True, timeout=600)
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(SNIPPET.findall((folder / "README.md").read_text())[0], names)
    clips = np.stack([samples, samples[::-1]])
    found = names["encode"](clips)
    np.testing.assert_array_equal(found[0], tokens)
    np.testing.assert_allclose(names["decode"](found)[0], decoded, atol=1e-5)
    program = jax.export.deserialize(bytearray((folder / "encode.stablehlo").read_bytes()))
    assert program.platforms == ("cpu", "cuda", "tpu")


@pytest.mark.parametrize("to", ["onnx", "web"])
def test_a_float_encoder_is_refused(tiny, to, tmp_path, capsys):
    if to == "onnx":
        pytest.importorskip("onnx")
    config, params = tiny
    pretrained.save(tmp_path / "model", params, config)
    out = tmp_path / "out"
    assert cli.main(["export", str(tmp_path / "model"), "--to", to, "--out", str(out)]) == 1
    assert "only the integer encoder and hash noise" in capsys.readouterr().err
    assert not out.exists()


def test_an_export_replaces_exports_alone(live, tmp_path, capsys):
    command = ["export", str(live), "--to", "web", "--out", str(tmp_path / "out")]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    assert cli.main([*command, "--force"]) == 1
    assert "something else than an export" in capsys.readouterr().err
    (tmp_path / "out" / "thesis.txt").unlink()
    assert cli.main(command) == 0
    assert cli.main(command) == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert cli.main([*command, "--force"]) == 0
