"""Parts that were exchanged for a comparison, of experiments/default_model/variants.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiotok_jax import preset
from audiotok_jax.codec import encoder

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments" / "default_model"))

import limits  # noqa: E402
import search  # noqa: E402
import variants  # noqa: E402

CONFIG = preset("tiny-80hz")


def test_attention_sees_its_window_and_nothing_else():
    attention = variants.LocalAttention(5)
    x = jax.random.normal(jax.random.key(0), (2, 12, 32))
    params = attention.init(jax.random.key(1), x)
    found = attention.apply(params, x)
    assert found.shape == (2, 8, 32)
    other = attention.apply(params, x.at[:, 5].multiply(-1.0))
    moved = np.flatnonzero(np.abs(other - found).max(axis=(0, 2)))
    np.testing.assert_array_equal(moved, [1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("features", "width"),
    [
        (variants.magnitude_features, 401),
        (variants.mel_features, 256 + variants.MELS),
        (variants.phase_features, 401 + 256 + 2 * 401),
    ],
)
def test_features_are_those_of_the_same_frames(features, width):
    wave = jax.random.normal(jax.random.key(0), (2, 6 * CONFIG.hop_length + 700)) * 0.1
    assert encoder.features(wave, CONFIG).shape[:2] == (2, 6)
    found = features(wave, CONFIG)
    assert found.shape == (2, 6, CONFIG.subframes * width)
    later = features(wave.at[:, : CONFIG.hop_length].set(0.0), CONFIG)
    # The window of a token has 900 samples, so that the last one does not see what was silenced.
    np.testing.assert_array_equal(later[:, -1], found[:, -1])
    assert jnp.any(later[:, 0] != found[:, 0])


@pytest.mark.parametrize("name", variants.VARIANTS)
def test_what_is_exchanged_is_there(name):
    place, what, other = variants.VARIANTS[name]
    assert getattr(place, what) is not other


def test_phases_turn_by_the_frequency_of_a_tone():
    hertz = 1000.0
    wave = jnp.sin(2 * jnp.pi * hertz * jnp.arange(6 * CONFIG.hop_length + 700) / 16000)[None]
    found = np.asarray(variants.phase_features(wave, CONFIG)).reshape(12, -1)
    real, imag = np.split(found[:, 401 + 256 :], 2, axis=1)
    turned = np.angle(real + 1j * imag)[1:, 50]
    expected = 2 * np.pi * hertz * CONFIG.subframe_length / 16000
    np.testing.assert_allclose(np.exp(1j * turned), np.exp(1j * expected), atol=1e-3)


def test_a_name_on_the_command_line():
    found = search.Candidate.of("tiny-80hz,variant=mel,codec.n_fft=400,weights=(('a',1.0),)")
    assert found == ("tiny-80hz", "mel", ("codec.n_fft=400", "weights=(('a',1.0),)"))
    assert found.codec().n_fft == 400
    assert search.Candidate.of("small-50hz").audiotok() == ["audiotok"]
    with pytest.raises(ValueError, match="n_ftt"):
        search.Candidate.of("tiny-80hz,codec.n_ftt=400").codec()


@pytest.mark.parametrize("length", [("--steps", "40"), ("--minutes", "2.5"), ()])
def test_a_search_goes_by_equal_steps_or_minutes(length, tmp_path, monkeypatch):
    """Of programs that do nothing but leave what `audiotok` leaves."""
    told = []

    def run(words, check):
        told.append(words)
        out = Path(words[words.index("--out") + 1])
        out.mkdir(parents=True)
        if words[1] == "train":
            speeds = [8.0, 4.0, 16.0]  # seconds of audio in a second; a step has 16 s
            lines = [{"step": 0}, *({"audio_seconds_per_second": speed} for speed in speeds)]
            (out / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            return
        values = {"per": {"mean": 12.34}, "stoi": {"mean": 0.8}, "pesq_wb": {"mean": None}}
        summary = {"overall": {"audiotok:x": {"metrics": values}}}
        (out / "summary.json").write_text(json.dumps(summary))

    about = {"machine": "m", "commit": "c", "date": "2026-01-01"}
    monkeypatch.setattr(search, "provenance", lambda _: about)
    monkeypatch.setattr(search.subprocess, "run", run)
    monkeypatch.setattr(search.os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(search.os, "sched_setaffinity", lambda *_: None)
    words = ["search.py", "tiny-80hz", "--data", "d", "--eval", "e", "--seeds", "3"]
    monkeypatch.setattr(search.sys, "argv", [*words, "--out", str(tmp_path), *length])
    search.main()
    given = length or ("--minutes", "3.0")
    assert " ".join(given) in " ".join(told[0])
    other = {"--steps": "--minutes", "--minutes": "--steps"}[given[0]]
    assert other not in told[0]
    head, _, row, _ = (tmp_path / "search.md").read_text().splitlines()[2:]
    found = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert found["seconds per step"] == "2.00"
    assert found["phoneme errors, %"] == "12.3"
    # What is not defined, and what is not measured.
    assert found["PESQ-WB"] == found["speakers"] == "nan"


def test_voicing_is_shared_out_as_in_the_original():
    random = np.random.default_rng(0)
    filters = tuple(random.normal(size=(1, 5, 4, 9)).astype(np.float32) for _ in range(2))
    periodic = np.array([[0.0, 0.2, 0.5, 0.9, 1.0]], np.float32)
    harmonic, noise = limits.voiced_as(filters, periodic)
    powers = [np.exp(2 * one).mean(axis=(2, 3)) for one in (harmonic, noise)]
    np.testing.assert_allclose(powers[0] / sum(powers), periodic, atol=0.02)
    before = sum(np.exp(2 * one).mean(axis=(2, 3)) for one in filters)
    np.testing.assert_allclose(sum(powers), before, rtol=0.1)


def test_latents_pass_as_they_are():
    module, name, instead = variants.VARIANTS["latents"]
    assert getattr(module, name) is not instead
    unit = np.array([[0.6, -0.8]], np.float32)
    np.testing.assert_allclose(instead(module(2), unit), unit, rtol=1e-6)
