"""Tests of the published anchors."""

from __future__ import annotations

import pytest

from audiotok_jax.evaluate import published

ANCHORS = published.load()


def find(system: str, rate: float | None) -> published.Anchor:
    (found,) = [a for a in ANCHORS if (a.system, a.tokens_per_second) == (system, rate)]
    return found


def test_every_row_is_there_once_and_says_where_it_is_from():
    assert len(ANCHORS) == len({(a.system, a.tokens_per_second) for a in ANCHORS}) == 20
    for anchor in ANCHORS:
        assert anchor.dataset == "LibriSpeech test-clean"
        assert "arXiv:2502.04128" in anchor.source and ":" in anchor.read_from


def test_figures_are_possible():
    for anchor in ANCHORS:
        assert 0 < anchor.wer < 100 and 0 < anchor.stoi <= 1 and 0 < anchor.sim <= 1
        assert 1 <= anchor.pesq_wb <= 4.64 and 1 <= anchor.pesq_nb <= 4.55
        assert 1 <= anchor.utmos <= 5
        assert anchor.pesq_nb >= anchor.pesq_wb or anchor.system == "Ground truth"


@pytest.mark.parametrize(
    ("system", "rate", "kbps"),
    [
        ("DAC", 600, 6.0),
        ("EnCodec", 150, 1.5),
        ("SpeechTokenizer", 50, 0.5),
        ("Mimi", 100, 1.1),
        ("Mimi", 50, 0.55),
        ("X-codec", 100, 1.0),
        ("BigCodec", 80, 1.04),
        ("WavTokenizer", 75, 0.9),
        ("StableCodec", 50, 0.6966),  # the authors round to 0.7
        ("SemantiCodec", 50, 0.7),  # 25 of 15 bits and 25 of 13
        ("X-Codec2", 50, 0.8),
    ],
)
def test_bitrates(system, rate, kbps):
    assert find(system, rate).kbps == pytest.approx(kbps, abs=1e-4)


def test_the_original_has_no_bitrate():
    original = find("Ground truth", None)
    assert original.kbps is None and original.pesq_wb == 4.64 and original.stoi == 1
    assert all(anchor.kbps for anchor in ANCHORS if anchor != original)


def test_figures_that_are_quoted():
    assert find("EnCodec", 150).pesq_wb == 1.56 and find("EnCodec", 150).stoi == 0.85
    assert find("DAC", 100).pesq_wb == 1.13 and find("DAC", 100).stoi == 0.73
    assert find("WavTokenizer", 75).pesq_wb == 2.13 and find("WavTokenizer", 75).stoi == 0.90
    assert find("X-Codec2", 50).wer == 2.47 and find("X-Codec2", 50).sim == 0.82
