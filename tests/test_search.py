"""Comparisons of codecs and settings, of experiments/default_model/."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments" / "default_model"))

import limits  # noqa: E402
import search  # noqa: E402


def test_a_name_on_the_command_line():
    found = search.Candidate.of("tiny-80hz,codec.n_fft=400,weights=(('a',1.0),)")
    assert found == ("tiny-80hz", ("codec.n_fft=400", "weights=(('a',1.0),)"))
    assert found.codec().n_fft == 400
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
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(tmp_path), *length])
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
