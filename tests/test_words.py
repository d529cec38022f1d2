"""Tests of words and phonemes: text as it is compared, recognisers, what they make of codecs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax import audio
from audiotok_jax.evaluate import clips, codecs, metrics, report
from audiotok_jax.evaluate.align import align
from audiotok_jax.evaluate.codecs.interface import at_rate
from audiotok_jax.evaluate.metrics import RATE, Metric, Original, text, words

EXAMPLES = Path(__file__).parent.parent / "examples"
SPEECH = EXAMPLES.parent / ".." / "shared" / "speech" / "eval"
USABLE, MISSING = metrics.available(["wer", "per", "wer_transcript", "wer_transcript_original"])
PROGRAMS = ("opusenc", "opusdec", "c2enc", "c2dec")

needs_recognisers = pytest.mark.skipif(bool(MISSING), reason=" ".join(MISSING))
needs_programs = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason=f"needs the programs {', '.join(PROGRAMS)}"
)


@pytest.mark.parametrize(
    ("label", "language"),
    [
        *[("en", "en"), ("EN", "en"), ("en-GB", "en"), ("en_US", "en"), ("en(L1 zh)", "en")],
        *[("pt-BR", "pt"), ("zh-CN", "zh"), ("cmn", "zh"), ("cmn-Hans-CN", "zh"), ("yue", "yue")],
        *[("nds", "nds"), ("eng", "en"), ("iw", "he"), (" fr ", "fr")],
        *[("", ""), ("-", ""), ("English", ""), ("x", ""), ("12", "")],
    ],
)
def test_the_language_of_a_label(label, language):
    assert text.language_of(label) == language


@pytest.mark.parametrize(
    ("said", "language", "expected"),
    [
        ("Don't  STOP — 24, please!", "en", ["dont", "stop", "24", "please"]),
        ("don’t; well-known", "en", ["dont", "well", "known"]),
        ("Ｆｕｌｌ ﬁn ½", "en", ["full", "fin", "1", "2"]),
        ("STRASSE Straße", "de", ["strasse", "strasse"]),
        ("O\u0308l Öl", "de", ["öl", "öl"]),
        ("我们 走吧。OK", "zh", ["我", "们", "走", "吧", "o", "k"]),
        ("ส วัสดี", "th", list("สวัสดี")),
        ("안녕 하세요", "ko", ["안녕", "하세요"]),
        ("नमस्ते दुनिया", "hi", ["नमस्ते", "दुनिया"]),
        (" …! ", "en", []),
        ("", "zh", []),
    ],
)
def test_words_of_a_text(said, language, expected):
    assert text.words(said, language) == expected


@given(st.text(), st.sampled_from(["en", "zh", "tr", ""]))
def test_words_of_words_are_the_same(said, language):
    found = text.words(said, language)
    assert text.words(" ".join(found), language) == found
    assert all(found)


def test_errors_by_hand():
    pytest.importorskip("rapidfuzz")
    rate = text.error_rate
    assert rate("the cat sat down".split(), "the cat sat".split()) == 25
    assert rate("the cat sat".split(), "a cat sat on".split()) == pytest.approx(200 / 3)
    assert rate(list("abc"), list("abc")) == 0
    assert rate(["a"], []) == 100
    assert rate(["a", "b"], ["no"] * 400) == 100  # a loop
    assert rate([], ["a"]) is None


def test_errors_are_pooled_over_words_and_not_over_clips():
    # One word of one wrong, and one of nine: two of ten, where the mean of clips is 55.6 %.
    found = report.interval([100.0, 100 / 9], [1, 9])
    assert found["mean"] == pytest.approx(20)
    assert report.interval([100.0, 100 / 9])["mean"] == pytest.approx(500 / 9)
    values, weights = [10.0, None, 40.0, 7.0], [10, None, 30, 0]
    found = report.interval(values, weights)
    assert found["mean"] == pytest.approx(32.5)
    assert (found["count"], found["missing"]) == (2, 2)
    assert found["low"] == pytest.approx(10) and found["high"] == pytest.approx(40)
    assert found == report.interval(values, weights)


def test_the_interval_of_pooled_errors_is_as_wide_as_it_should_be():
    rng = np.random.default_rng(0)
    totals = rng.integers(1, 40, 400)
    wrong = rng.binomial(totals, 0.2)
    found = report.interval(list(100 * wrong / totals), list(totals.astype(float)))
    width = 2 * 1.96 * 100 * np.sqrt(0.2 * 0.8 / totals.sum())
    assert found["high"] - found["low"] == pytest.approx(width, rel=0.15)
    assert found["low"] < 20 < found["high"]


def test_a_table_by_language():
    metric = next(metric for metric in metrics.METRICS if metric.name == "per")
    facts = {"seconds": 1.0, "kbps_payload": 1.0, "kbps_file": 1.0}
    facts |= {"encode_seconds": 1.0, "decode_seconds": 1.0, "per_phonemes": 10}
    rows = [facts | {"codec": codec, "per": value} for codec, value in (("a", 10.0), ("b", 30.0))]
    found = {"de": report.summarize(rows * 2, [metric]), "zh": report.summarize(rows[:1], [metric])}
    assert report.by_language(found, metric) == [
        ("", "clips", "a", "b"),
        ("de", "2", "10.0 (10.0–10.0)", "30.0 (30.0–30.0)"),
        ("zh", "1", "10.0", "–"),
    ]


def read(name: str) -> np.ndarray:
    return audio.read(EXAMPLES / f"{name}.flac", RATE)[0]


def measured(original: Original, wave: np.ndarray, *names: str) -> metrics.Values:
    return metrics.measure(original, wave, [m for m in USABLE if m.name in names])


@needs_recognisers
def test_a_transcript_is_what_both_are_measured_against():
    wave = read("en_rp_female_22k")
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.normal(size=len(wave))).astype(np.float32)
    names = ("wer", "wer_transcript", "wer_transcript_original")
    heard = measured(Original(wave, "en"), noise, "wer")
    assert heard["wer"] > 90 and heard["wer_words"] >= 10
    original = Original(wave, "en", transcript="Nothing, of that!")
    found = measured(original, noise, *names)
    assert found["transcript_words"] == 3
    assert found["wer_transcript"] == 100 == found["wer_transcript_original"]
    said = " ".join(original.readings["words"]).upper() + "!"
    found = measured(Original(wave, "en", transcript=said), noise, *names)
    assert found["wer_transcript_original"] == 0 and found["wer_transcript"] == found["wer"] > 90
    unknown = measured(Original(wave, "xx", transcript=said), noise, *names)
    assert set(unknown.values()) == {None}


@needs_recognisers
def test_what_was_heard_before_is_not_heard_again(monkeypatch):
    wave = read("en_us_female")[:32000]
    original = Original(wave, "en")
    first = measured(original, 0 * wave, "wer", "per")
    assert set(original.readings) == {"words", "phonemes"} and all(original.readings.values())
    monkeypatch.setattr(words, "_model", lambda folder: pytest.fail("listens again"))
    again = Original(wave, "en", readings=original.readings)
    assert original.reading("words", lambda wave: pytest.fail("listens again"))
    monkeypatch.undo()
    again.readings["words"] = ["another", *original.readings["words"]]
    assert measured(again, 0 * wave, "wer")["wer_words"] == first["wer_words"] + 1


@pytest.fixture
def asked(monkeypatch) -> list[dict[str, Any]]:
    """What a model of two languages is asked for, which hears nothing."""
    asked = []

    class Silent:
        def transcribe(self, wave, **settings):
            asked.append(settings)
            return [], None

    monkeypatch.setattr(words, "_model", lambda folder: Silent())
    monkeypatch.setattr(words, "_languages", lambda folder: {"en", "zh"})
    return asked


def test_a_recogniser_that_loops_is_stopped(asked):
    for seconds in (1, 3, 100):
        words._read(np.ones(seconds * RATE, np.float32), "en", "model")
    assert [settings["max_new_tokens"] for settings in asked] == [40, 100, 224]
    assert {settings["temperature"] for settings in asked} == {0}


def test_a_language_of_two_scripts_is_written_in_one(asked):
    wave = np.ones(RATE, np.float32)
    assert words._read(wave, "zh", "model") == [] == words._read(wave, "en", "model")
    assert words._read(wave, "sr", "model") is None and words._read(0 * wave, "zh", "m") == []
    assert [bool(settings["initial_prompt"]) for settings in asked] == [True, False]
    assert [settings["language"] for settings in asked] == ["zh", "en"]


@pytest.mark.parametrize("what", ["empty folder", "name"])
def test_a_recogniser_that_is_not_there_is_one_line(what, tmp_path, monkeypatch):
    pytest.importorskip("faster_whisper")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    given = str(tmp_path) if what == "empty folder" else "no-such-size"
    with pytest.raises(ValueError) as error:
        words.locate(given)
    assert given in str(error.value) and "\n" not in str(error.value)


def through(spec: str, wave: np.ndarray) -> np.ndarray:
    codec = codecs.parse(spec)
    decoded = codec.decode(codec.encode(wave, RATE))
    return align(wave, at_rate(decoded, codec.sample_rate, RATE), RATE).decoded


def pooled(metric: Metric, originals: list[Original]) -> dict[str, float]:
    """Errors of codecs over clips."""
    found = {}
    for spec in ("pcm", "opus:24", "opus:12", "opus:6", "codec2:1200"):
        rows = [metrics.measure(one, through(spec, one.wave), [metric]) for one in originals]
        values, weights = ([row[column] for row in rows] for column in metric.columns)
        found[spec] = report.interval(values, weights)["mean"]
    return found


@needs_recognisers
@needs_programs
def test_codecs_come_in_order_by_the_examples():
    """The one voice that the recogniser for words understands; for phonemes all of English."""
    understood = [Original(read("en_rp_female_22k"), "en")]
    names = ("en_us_female", "en_gb_male", "en_rp_female_22k", "en_scots_male_fast")
    english = [Original(read(name), "en") for name in names]
    by_name = {metric.name: metric for metric in USABLE}
    found = pooled(by_name["wer"], understood)
    assert found["pcm"] == 0 and found["opus:24"] < 5
    assert found["opus:12"] < found["opus:6"] < found["codec2:1200"]
    found = pooled(by_name["per"], english)
    assert found["pcm"] == 0 and found["opus:24"] < 10
    assert found["opus:24"] < found["opus:12"] < found["opus:6"] < found["codec2:1200"]


@pytest.mark.slow
@needs_recognisers
@needs_programs
@pytest.mark.skipif(not SPEECH.is_dir(), reason="needs ../shared/speech")
def test_codecs_come_in_order_by_real_speech():
    found = clips.find([str(SPEECH)], 6)[0]
    read_aloud = [clip for clip in found if clip.set in ("LibriSpeech-test-clean", "VCTK")]
    originals = [Original(audio.read(c.path, RATE)[0], c.language) for c in read_aloud]
    for metric in USABLE:
        if metric.name in ("wer", "per"):
            of_it = pooled(metric, originals)
            assert of_it["pcm"] == 0 and of_it["opus:24"] < 5, metric.name
            assert of_it["opus:12"] < of_it["opus:6"] < of_it["codec2:1200"], metric.name
