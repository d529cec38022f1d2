"""Saving and loading models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from audiotok_jax import AudioTokenizer, preset, pretrained
from audiotok_jax.codec import model


@pytest.fixture
def folder(tiny, tmp_path):
    """The folder of a saved model."""
    config, params = tiny
    pretrained.save(tmp_path / "model", params, config, {"licence": "MIT"})
    return tmp_path / "model"


def test_round_trip(tiny, folder):
    config, params = tiny
    loaded = pretrained.load(folder)
    assert loaded.config == config
    assert loaded.card == {"licence": "MIT"}
    assert jax.tree.structure(loaded.params) == jax.tree.structure(params)
    for leaf, original in zip(jax.tree.leaves(loaded.params), jax.tree.leaves(params), strict=True):
        assert leaf.dtype == np.float32
        np.testing.assert_array_equal(leaf, np.asarray(original).astype(np.float16))
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_the_model_id_is_that_of_the_files(tiny, folder, tmp_path):
    config, params = tiny
    loaded = pretrained.load(folder)
    assert loaded.model_id == pretrained.load(folder).model_id
    assert pretrained.save(tmp_path / "again", loaded.params, config) == loaded.model_id
    assert (tmp_path / "again/model.safetensors").read_bytes() == (
        folder / "model.safetensors"
    ).read_bytes()
    assert pretrained.save(folder, params, config) == loaded.model_id  # over the old one
    assert pretrained.load(folder).card == {}


def test_the_model_id_names_weights_and_config(tiny):
    config, params = tiny
    ids = {pretrained.identity(params, config)}
    ids.add(pretrained.identity(params, preset("tiny-40hz")))
    ids.add(pretrained.identity(jax.tree.map(lambda x: x + 1e-3, params), config))
    ids.add(pretrained.identity(jax.tree.map(lambda x: x.T, params), config))
    ids.add(pretrained.identity({**params, "decoder": {}}, config))
    assert len(ids) == 5
    assert all(len(bytes.fromhex(i)) == 8 for i in ids)


def test_from_pretrained_computes_with_the_released_weights(folder, speech):
    loaded = pretrained.load(folder)
    one = jax.devices()[:1]
    tokenizer = AudioTokenizer.from_pretrained(folder, devices=one)
    assert tokenizer.model_id == loaded.model_id
    other = AudioTokenizer(loaded.params, loaded.config, loaded.model_id, devices=one)
    tokens = tokenizer.encode(speech(9000), 16000)
    np.testing.assert_array_equal(tokens, other.encode(speech(9000), 16000))


def test_an_id_stays_when_fields_and_layers_are_renamed(folder, monkeypatch):
    """What is stored is true, and not what `identity` makes of names that came later."""
    before = pretrained.load(folder)
    monkeypatch.setattr(pretrained, "identity", None)
    path, about = folder / "config.json", json.loads((folder / "config.json").read_text())
    del about["codec"]["short_n_fft"]  # as of a version that did not have the field
    about["checksum"] = pretrained.checksum(about, folder / "model.safetensors")
    path.write_text(json.dumps(about))
    after = pretrained.load(folder)
    assert (after.model_id, after.config) == (before.model_id, before.config)


def test_released_models_are_known_by_name(tiny, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "MODELS", tmp_path)
    assert pretrained.names() == ["model"]
    assert pretrained.load("model").model_id == pretrained.load(folder).model_id
    monkeypatch.setattr(pretrained, "DEFAULT", "model")
    assert pretrained.load().model_id == pretrained.load(folder).model_id
    with pytest.raises(FileNotFoundError, match=r"no model 'modle': .*\(model\)"):
        pretrained.load("modle")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match="no model"):
        pretrained.load(folder)


def break_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def empty_weights(folder):
    (folder / "model.safetensors").write_bytes(b"")


def change(folder, **fields):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def change_codec(folder, **fields):
    codec = json.loads((folder / "config.json").read_text())["codec"]
    change(folder, codec=codec | fields)


def rewrite(folder, change):
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file(change(weights), path)


def with_value(value):
    def change(weights):
        name = max(weights, key=lambda name: weights[name].size)
        weights[name].reshape(-1)[7] = value
        return weights

    return change


def backwards(weights):
    return {name: np.ascontiguousarray(weight[::-1]) for name, weight in weights.items()}


@pytest.mark.parametrize(
    "harm, message",
    [
        (break_weights, "damaged"),
        (empty_weights, "damaged"),
        (lambda folder: (folder / "config.json").write_text("{"), "not the config of a model"),
        (lambda folder: (folder / "config.json").write_text("[]"), "not the config of a model"),
        (lambda folder: (folder / "config.json").write_bytes(b"\xff"), "not the config of a model"),
        (lambda folder: change(folder, format=1), "format 1 is not 2"),
        (lambda folder: change(folder, codec={"bits": 16}), "does not fit"),
        (lambda folder: change(folder, codec={"colour": 1}), "does not know"),
        (lambda folder: change(folder, id=None), "id is missing"),
        (lambda folder: change(folder, checksum=7), "checksum is missing"),
        # What fits, and is not what was saved.
        (lambda folder: change(folder, id="0123456789abcdef"), "damaged: .*copy both again"),
        (lambda folder: change(folder, checksum="0" * 64), "damaged: .*copy both again"),
        (lambda folder: change_codec(folder, pitch_min=61.0), "damaged: .*copy both again"),
        (lambda folder: rewrite(folder, with_value(0.5)), "damaged: .*copy both again"),
        (lambda folder: rewrite(folder, backwards), "damaged: .*copy both again"),
        (lambda folder: change(folder, codec=None), "not the config of a model"),
        (lambda folder: change(folder, codec=preset("tiny-40hz").to_dict()), "does not fit"),
        (lambda folder: change(folder, codec=preset("small-80hz").to_dict()), "does not fit"),
    ],
)
def test_a_damaged_model(folder, harm, message):
    harm(folder)
    with pytest.raises(ValueError, match=message) as caught:
        pretrained.load(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("encoder_depth", 10**6),
        ("decoder_depth", 10**6),
        ("encoder_depth", -1),
        ("kernel_size", 10**9 + 1),
        ("kernel_size", -7),
        ("kernel_size", 7.0),
        ("encoder_dim", 10**12),
        ("decoder_dim", 0),
        ("expansion", True),
        ("bits", True),
        ("bits", "16"),
        ("sample_rate", 0),
        ("sample_rate", 16000.5),
        ("hop_length", None),
        ("hop_length", [200]),
        ("subframe_length", 0),
        ("subframe_length", 1),
        ("n_fft", 10**9),
        ("n_fft", "800"),
        ("short_n_fft", -100),
        ("short_n_fft", False),
        ("pitch_min", float("nan")),
        ("pitch_min", float("inf")),
        ("pitch_min", -60.0),
        ("pitch_min", 10**400),
        ("pitch_bins", 10**7),
        ("pitch_cents", {}),
        ("pitch_cents", 1200.0),
    ],
)
def test_each_field_of_a_config_has_a_type_and_bounds(folder, field, value, monkeypatch):
    change_codec(folder, **{field: value})
    monkeypatch.setattr(model, "init", None)  # nothing is built
    with pytest.raises(ValueError, match="config.json: not the config of a model") as caught:
        pretrained.load(folder)
    assert field in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"format": ' + '{"a": ' * 100_000,
        '{"format": ' + "9" * 5000 + "}",
        '{"format": true, "id": "", "checksum": "", "codec": {}, "card": {}}',
        '{"format": 2.0, "id": "", "checksum": "", "codec": {}, "card": {}}',
        '{"format": "2", "id": "", "checksum": "", "codec": {}, "card": {}}',
        '{"format": 2, "id": "", "checksum": "", "codec": [], "card": {}}',
        '{"format": 2, "id": "", "checksum": "", "codec": {}, "card": null}',
        '{"format": 2, "id": "", "checksum": "", "card": {}}',
        '{"format": 2, "id": "", "checksum": "", "codec": {}, "card": {"a": 1, "a": 2}}',
        "1",
        "",
    ],
)
def test_a_config_that_is_none(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(ValueError, match="config.json: not the config of a model") as caught:
        pretrained.load(folder)
    assert "\n" not in str(caught.value)


def test_a_config_without_end_is_not_read(folder):
    with open(folder / "config.json", "wb") as file:
        file.truncate(20 * 2**30)
    with pytest.raises(ValueError, match="longer than 1048576 bytes"):
        pretrained.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_value(np.nan), "not finite"),
        (with_value(np.inf), "not finite"),
        (with_value(-np.inf), "not finite"),
        (lambda weights: {k: v.astype(np.float32) for k, v in weights.items()}, "F32, should be"),
        (lambda weights: {k: v.view(np.int16) for k, v in weights.items()}, "I16, should be F16"),
        (lambda weights: weights | {"more": np.zeros(1, np.float16)}, "does not fit"),
        (lambda weights: dict(list(weights.items())[1:]), "does not fit"),
        (lambda weights: {k: v[None] for k, v in weights.items()}, "does not fit"),
    ],
)
def test_load_checks_what_save_checks(folder, change, message):
    rewrite(folder, change)
    with pytest.raises(ValueError, match=message) as caught:
        pretrained.load(folder)
    assert str(caught.value).startswith(f"{folder / 'model.safetensors'}: damaged: ")


def test_what_lies_beside_a_model_does_not_matter(folder):
    before = pretrained.load(folder).model_id
    (folder / "metrics.jsonl").write_bytes(b"\xff{[")
    assert pretrained.load(folder).model_id == before


def test_weights_that_cannot_be_saved(tiny, tmp_path):
    config, params = tiny
    with pytest.raises(ValueError, match="not finite in float16"):
        pretrained.save(tmp_path / "a", jax.tree.map(lambda x: x + 1e5, params), config)
    with pytest.raises(ValueError, match="does not fit"):
        pretrained.save(tmp_path / "a", {"encoder": params["encoder"]}, config)
    assert not (tmp_path / "a").exists()


def test_init_and_saved_models_have_the_same_names(folder):
    loaded = pretrained.load(folder)
    fresh = jax.eval_shape(lambda key: model.init(key, loaded.config), jax.random.key(0))
    assert jax.tree.structure(loaded.params) == jax.tree.structure(fresh)


def test_what_was_measured_is_what_is_shipped():
    shipped = pretrained.load()
    results = Path(__file__).parent.parent / "experiments" / "bitrates" / "results"
    summary = json.loads((results / "summary.json").read_text())
    assert summary["codecs"]["audiotok"] == shipped.model_id
    assert (
        summary["codecs"]["audiotok:speech-40hz-v1"] == pretrained.load("speech-40hz-v1").model_id
    )
    assert shipped.model_id in (pretrained.MODELS / pretrained.DEFAULT / "README.md").read_text()


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("speech-40hz-v1", "284d7559bbd4a7a4"),
        ("speech-80hz-v10", "9cea0149bc5cff9c"),
    ],
)
def test_a_released_model_stays_as_it_is(name, model_id):
    assert pretrained.load(name).model_id == model_id
    assert model_id in (pretrained.MODELS / name / "README.md").read_text()


def test_all_released_models_are_frozen_here():
    [names] = [mark.args[1] for mark in test_a_released_model_stays_as_it_is.pytestmark]
    assert [name for name, _ in names] == pretrained.names()


@pytest.mark.parametrize("level", [0.0, 1e-4])  # digital silence, and noise at -80 dBFS
def test_silence_stays_silent(level):
    tokenizer = AudioTokenizer.from_pretrained()
    noise = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    decoded = tokenizer.decode(tokenizer.encode(np.float32(level) * noise, 16_000))
    assert np.sqrt(np.mean(decoded**2)) < 1e-3  # -60 dBFS


def test_the_package_imports_nothing_heavy():
    code = "import sys, audiotok_jax; audiotok_jax.AudioTokenizer; print(*sys.modules, sep='\\n')"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "audiotok_jax.tokenizer" in modules
    heavy = {"torch", "tensorflow", "tensorflow_datasets", "grain", "orbax", "optax", "numba"}
    assert not heavy & {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("name", pretrained.names())
def test_released_models_fit_their_configs(name):
    folder = pretrained.locate(name)
    _, config = pretrained._read_config(folder / pretrained.CONFIG)
    pretrained._read_weights(folder / pretrained.WEIGHTS, config)
