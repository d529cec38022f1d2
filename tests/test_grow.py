"""Weights of a deeper model, of experiments/default_model/deeper.py."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import jax
import numpy as np

from audiotok_jax import AudioTokenizer, preset, pretrained
from audiotok_jax.codec import model

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments" / "default_model"))

import deeper  # noqa: E402


def test_a_deeper_model_says_what_the_other_one_does(tmp_path, monkeypatch):
    old = preset("tiny-80hz")
    pretrained.save(tmp_path / "old", model.init(jax.random.key(0), old), old)
    arguments = ["deeper.py", str(tmp_path / "old"), "--encoder", "3", "--decoder", "5"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--out", str(tmp_path / "new")])
    deeper.main()
    one, other = (AudioTokenizer.from_pretrained(tmp_path / name) for name in ("old", "new"))
    assert other.config == dataclasses.replace(old, encoder_depth=3, decoder_depth=5)
    wave = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    tokens = one.encode(wave, 16000)
    np.testing.assert_array_equal(other.encode(wave, 16000), tokens)
    np.testing.assert_allclose(other.decode(tokens, 8000), one.decode(tokens, 8000), atol=1e-5)


def test_blocks_that_were_added_learn():
    old = preset("tiny-80hz")
    new = dataclasses.replace(old, encoder_depth=3)
    params = deeper.deepen(model.init(jax.random.key(0), old), new)
    samples = 10 * new.hop_length + 2 * new.encoder_halo
    wave = np.random.default_rng(0).normal(0, 0.1, (1, samples)).astype(np.float32)

    def total(params):
        return model.latent(params, new, wave)[..., 0].sum()

    added = jax.grad(total)(params)["encoder"]["ConvNeXtStack_0"]["ConvNeXtBlock_2"]
    assert np.abs(added["Dense_1"]["kernel"]).max() > 0
