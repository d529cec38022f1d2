"""Weights of a model with more parts, of experiments/default_model/grow.py."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from audiotok_jax import AudioTokenizer, preset, pretrained
from audiotok_jax.codec import model

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments" / "default_model"))

import grow  # noqa: E402

pytestmark = pytest.mark.usefixtures("compiled_quickly")


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (("--encoder", "3", "--decoder", "5"), {"encoder_depth": 3, "decoder_depth": 5}),
        (("--short-window", "400"), {"short_n_fft": 400}),
    ],
)
def test_a_model_with_more_parts_says_what_the_other_one_does(
    tmp_path, monkeypatch, options, changes
):
    old = preset("tiny-80hz")
    pretrained.save(tmp_path / "old", model.init(jax.random.key(0), old), old)
    arguments = ["grow.py", str(tmp_path / "old"), *options, "--out", str(tmp_path / "new")]
    monkeypatch.setattr(sys, "argv", arguments)
    grow.main()
    one, other = (AudioTokenizer.from_pretrained(tmp_path / name) for name in ("old", "new"))
    assert other.config == dataclasses.replace(old, **changes)
    wave = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    tokens = one.encode(wave, 16000)
    np.testing.assert_array_equal(other.encode(wave, 16000), tokens)
    np.testing.assert_allclose(other.decode(tokens, 8000), one.decode(tokens, 8000), atol=1e-5)


def test_what_was_added_learns():
    old = preset("tiny-80hz")
    new = dataclasses.replace(old, encoder_depth=3, short_n_fft=400)
    params = grow.grow(model.init(jax.random.key(0), old), new)
    samples = 10 * new.hop_length + sum(new.encoder_halo)
    wave = 0.1 * jax.random.normal(jax.random.key(0), (1, samples))

    def total(params):
        return model.latent(params, new, wave)[..., 0].sum()

    gradient = jax.grad(total)(params)["encoder"]
    added = gradient["stack"]["block_2"]["mlp_out"]["kernel"]
    assert np.abs(added).max() > 0
    seen = gradient["from_features"]["kernel"].reshape(old.subframes, -1, old.encoder_dim)
    assert np.abs(seen[:, -201:]).max(axis=(1, 2)).min() > 0
