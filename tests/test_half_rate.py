"""Weights for half the frame rate, of experiments/default_model/half_rate.py."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from audiotok_jax import preset, pretrained
from audiotok_jax.codec import model

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments" / "default_model"))

import half_rate  # noqa: E402


def test_a_model_becomes_one_of_half_the_rate(tmp_path, monkeypatch):
    old = preset("tiny-80hz")
    params = model.init(jax.random.key(0), old)
    pretrained.save(tmp_path / "old", params, old)
    arguments = ["half_rate.py", str(tmp_path / "old"), "--out", str(tmp_path / "new")]
    monkeypatch.setattr(sys, "argv", arguments)
    half_rate.main()
    loaded = pretrained.load(tmp_path / "new")
    assert loaded.config == dataclasses.replace(old, hop_length=2 * old.hop_length)
    tokens = model.encode(loaded.params, loaded.config, np.zeros((1, 4000), np.float32))
    assert tokens.shape == (1, 10)


def test_what_changes_slowly_is_taken_in_and_given_as_before():
    random = np.random.default_rng(0)
    kernel = random.standard_normal((2 * 5, 3)).astype(np.float32)
    frame = random.standard_normal((2, 5)).astype(np.float32)
    into = half_rate.halve("encoder/from_features/kernel", kernel, 2)
    slow = np.repeat(frame, 2, axis=0)
    np.testing.assert_allclose(slow.ravel() @ into, frame.ravel() @ kernel, rtol=1e-5, atol=1e-6)
    for shape in ((3, 2 * 5), (2 * 5,)):
        weight = random.standard_normal(shape).astype(np.float32)
        out = half_rate.halve("decoder/to_filters/x", weight, 2)
        parts = out.reshape(*shape[:-1], 4, 5)
        np.testing.assert_array_equal(parts[..., ::2, :], parts[..., 1::2, :])
        np.testing.assert_array_equal(parts[..., ::2, :].reshape(shape), weight)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_taps_move_to_half_their_distance(size):
    taps = np.eye(size, dtype=np.float32)
    moved = half_rate.halve("x/depthwise/kernel", taps, 2)
    np.testing.assert_allclose(moved.sum(axis=0), 1)
    distance = np.arange(size) - size // 2
    np.testing.assert_allclose(distance @ moved, distance / 2)
