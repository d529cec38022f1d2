"""Tests of the metrics: what they must be for equal waves, for noise, and for nothing at all."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from audiotok_jax import audio
from audiotok_jax.evaluate import metrics
from audiotok_jax.evaluate.metrics import METRICS, RATE, Original

EXAMPLES = Path(__file__).parent.parent / "examples"
USABLE, MISSING = metrics.available()
OF_EQUAL_WAVES = {
    "pesq_wb": pytest.approx(4.644, abs=0.001),
    "stoi": pytest.approx(1),
    "estoi": pytest.approx(1),
    "mel_distance": 0,
    "lsd": 0,
    "si_sdr": math.inf,
    "voice_similarity": pytest.approx(1, abs=1e-6),
    "speaker_similarity": pytest.approx(1, abs=1e-6),
    "wer": 0,
    "per": 0,
    "wer_transcript": None,  # there is none
    "wer_transcript_original": None,
    "f0_error": 0,
    "voicing_error": 0,
    "level_difference": 0,
}


def read(name: str, seconds: float = 6.0) -> np.ndarray:
    return audio.read(EXAMPLES / f"{name}.flac", RATE)[0][: int(seconds * RATE)]


def noise(wave: np.ndarray) -> np.ndarray:
    """White noise as loud as the wave."""
    rng = np.random.default_rng(0)
    return (np.sqrt(np.mean(wave**2)) * rng.normal(size=len(wave))).astype(np.float32)


def filtered(wave: np.ndarray, kind: str, band: float | tuple[float, float]) -> np.ndarray:
    sections = scipy.signal.butter(4, band, kind, fs=RATE, output="sos")
    return scipy.signal.sosfiltfilt(sections, wave).astype(np.float32)


SPEECH = read("en_us_female")
DEGRADED = {
    "hiss": SPEECH + 0.03 * noise(SPEECH),
    "telephone": filtered(SPEECH, "bandpass", (300, 3400)) + 0.1 * noise(SPEECH),
    "muffled": filtered(SPEECH, "lowpass", 1000) + 0.3 * noise(SPEECH),
    "noise": noise(SPEECH),
}


@pytest.fixture(scope="module")
def original() -> Original:
    return Original(SPEECH, "en")


@pytest.fixture(scope="module")
def degraded(original) -> dict[str, dict[str, float | None]]:
    """All metrics of all degradations."""
    return {name: metrics.measure(original, wave, USABLE) for name, wave in DEGRADED.items()}


def measure(name: str, original: Original, decoded: np.ndarray) -> float | None:
    """One metric; the test is skipped where its library is missing."""
    usable = [metric for metric in USABLE if metric.name == name]
    if not usable:
        pytest.skip(" ".join(MISSING))
    return metrics.measure(original, decoded, usable)[name]


def value(values: dict[str, float | None], name: str) -> float | None:
    if name not in values:
        pytest.skip(" ".join(MISSING))
    return values[name]


def test_table():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert {metric.better for metric in METRICS} == {"higher", "lower", None}
    assert set(OF_EQUAL_WAVES) == {name for name in names if not name.startswith("dnsmos")}
    assert [metric for metric in METRICS if metric in USABLE] == list(USABLE)


@pytest.mark.parametrize("clip", ["en_us_female", "en_gb_male", "cmn_male"])
@pytest.mark.parametrize("name", OF_EQUAL_WAVES)
def test_equal_waves(name, clip):
    wave = read(clip, 3.0)
    assert measure(name, Original(wave, "en"), wave.copy()) == OF_EQUAL_WAVES[name]


@pytest.mark.parametrize("name", [metric.name for metric in METRICS if metric.better])
def test_noise_is_at_the_bottom(name, degraded):
    better = next(metric.better for metric in METRICS if metric.name == name)
    found = {wave: value(values, name) for wave, values in degraded.items()}
    if name == "f0_error":  # there is nothing to compare
        assert found.pop("noise") is None and None not in found.values()
        return
    if name == "wer_transcript":  # there is none
        assert set(found.values()) == {None}
        return
    if name in ("wer", "per"):
        assert found["hiss"] < 90 < found["noise"] <= 100
        return
    sign = 1 if better == "higher" else -1
    worst = sign * found.pop("noise")
    assert all(worst < sign * other for other in found.values())


def test_dnsmos_of_speech_and_of_noise(original, degraded):
    for part in ("ovrl", "sig", "bak", "p808"):
        clean = measure(f"dnsmos_{part}", original, SPEECH)
        assert 1 <= degraded["noise"][f"dnsmos_{part}"] < 2.3 < 2.5 < clean <= 5


def test_si_sdr_by_hand(original):
    reference = SPEECH - SPEECH.mean(dtype=np.float64)
    other = noise(SPEECH).astype(np.float64)
    other -= other.mean()
    other -= reference * (reference @ other) / (reference @ reference)
    other *= np.linalg.norm(reference) / np.linalg.norm(other)
    for gain, ratio in ((1, 20), (-0.3, 7), (2, -10)):
        decoded = gain * (reference + other / 10 ** (ratio / 20)) + 0.01
        assert measure("si_sdr", original, decoded) == pytest.approx(ratio, abs=1e-3)
    assert measure("si_sdr", original, 0.5 * SPEECH) == math.inf


def test_a_gain_by_hand():
    loud = Original(0.1 * np.random.default_rng(1).normal(size=32000).astype(np.float32))
    half = 0.5 * loud.wave
    assert measure("level_difference", loud, half) == pytest.approx(-6.0206, abs=1e-4)
    assert measure("lsd", loud, half) == pytest.approx(6.0206, abs=1e-3)
    assert measure("mel_distance", loud, half) == pytest.approx(np.log(2), abs=1e-3)
    assert measure("lsd", loud, 0 * half) > measure("lsd", loud, half)


def tone(hertz: float, samples: int = 32000) -> np.ndarray:
    t = np.arange(samples) / RATE
    return (0.05 * sum(np.sin(2 * np.pi * k * hertz * t) / k for k in range(1, 8))).astype("f4")


def test_pitch_by_hand():
    low = Original(tone(125))
    assert measure("f0_error", low, tone(125 * 2 ** (1 / 12))) == pytest.approx(100, abs=1)
    octave = np.concatenate([tone(250, 8000), low.wave[8000:]])  # of a quarter
    assert measure("f0_error", low, octave) == pytest.approx(600, rel=0.1)
    half = np.concatenate([low.wave[:16000], 0 * low.wave[16000:]])
    assert measure("voicing_error", low, half) == pytest.approx(50, abs=3)
    assert measure("f0_error", low, half) == pytest.approx(0, abs=5)
    assert measure("f0_error", low, 0 * half) is None


def test_other_speakers_are_less_similar(original):
    for name in ("speaker_similarity", "voice_similarity"):
        same = measure(name, Original(SPEECH[:32000]), SPEECH[32000:64000])
        other = measure(name, Original(SPEECH[:32000]), read("en_gb_male")[:32000])
        assert other < 0.75 < same < 1, name


def test_words_are_those_of_languages_that_the_recogniser_knows(original):
    assert measure("wer", Original(SPEECH, "zh"), SPEECH) is None
    assert measure("wer", Original(SPEECH), SPEECH) is None
    assert measure("wer", Original(SPEECH, "en(L1 zh)"), SPEECH) == 0
    assert measure("wer", original, 0 * SPEECH) == measure("per", original, 0 * SPEECH) == 100
    assert measure("per", Original(SPEECH, "zh"), SPEECH) == 0


@pytest.mark.parametrize("samples", [1, 100, 800, 8000])
@pytest.mark.parametrize("what", ["silence", "speech", "silent original", "silent decoded"])
def test_silence_and_short_clips(what, samples):
    speech = SPEECH[16000 : 16000 + samples]
    original = Original(0 * speech if what in ("silence", "silent original") else speech, "en")
    decoded = 0 * speech if what in ("silence", "silent decoded") else 0.5 * speech
    found = metrics.measure(original, decoded, USABLE)
    assert list(found) == list(dict.fromkeys(c for metric in USABLE for c in metric.columns))
    for name, of_it in found.items():
        assert of_it is None or math.isfinite(of_it) or name == "si_sdr"
    if "sil" in what:
        undefined = ("pesq_wb", "si_sdr", "level_difference", "f0_error")
        voices = ("voice_similarity", "speaker_similarity")
        assert {found.get(name) for name in (*undefined, *voices)} == {None}
    if samples < 4000:
        assert {found.get(name) for name in ("pesq_wb", "stoi", "estoi")} == {None}
    if what == "silence":
        assert found["mel_distance"] == found["lsd"] == found["voicing_error"] == 0


def test_numbers_do_not_depend_on_what_was_measured_before(degraded):
    """In another process, in reverse."""
    script = """
import json
from test_metrics import DEGRADED, SPEECH, USABLE, Original, metrics
found = {
    name: metrics.measure(Original(SPEECH, "en"), wave, USABLE)
    for name, wave in reversed(DEGRADED.items())
}
print(json.dumps(found))
"""
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == degraded


def test_features_of_the_original_are_computed_once():
    original, seen = Original(SPEECH), []

    def length(wave):
        seen.append(wave)
        return len(wave)

    assert original.feature(length) == original.feature(length) == len(SPEECH)
    assert len(seen) == 1 and seen[0] is original.wave


def test_a_missing_library_costs_its_metrics_and_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pystoi", None)
    monkeypatch.setitem(sys.modules, "speechmos.dnsmos", None)
    usable, lines = metrics.available()
    gone = {metric.name for metric in USABLE} - {metric.name for metric in usable}
    assert gone <= {"stoi", "estoi", *(m.name for m in METRICS if m.name.startswith("dnsmos"))}
    (line,) = [line for line in lines if "STOI" in line]
    assert line.startswith("left out: STOI, ESTOI (") and "audiotok_jax[eval]" in line
    assert len([line for line in lines if "DNSMOS" in line]) == 1
    assert {"mel_distance", "lsd", "si_sdr", "f0_error"} <= {metric.name for metric in usable}


def test_only_the_metrics_asked_for_are_looked_at(monkeypatch):
    monkeypatch.setitem(sys.modules, "pystoi", None)
    usable, lines = metrics.available(["si_sdr", "lsd"])
    assert [metric.name for metric in usable] == ["lsd", "si_sdr"] and lines == []
    assert metrics.available(["estoi"])[0] == ()


def test_pesq_of_a_long_clip_is_the_mean_of_its_pieces():
    word = np.pad(SPEECH[16000:20800], (0, RATE // 4))
    long = np.tile(word, 62)  # more utterances than the library has room for
    decoded = noise(long)
    halves = slice(len(long) // 2), slice(len(long) // 2, None)
    one, two = (measure("pesq_wb", Original(long[half]), decoded[half]) for half in halves)
    assert measure("pesq_wb", Original(long), decoded) == pytest.approx((one + two) / 2)
    decoded[halves[1]] = 0
    assert measure("pesq_wb", Original(long), decoded) == one


def test_waves_that_do_not_fit(original):
    with pytest.raises(ValueError, match="align it"):
        metrics.measure(original, SPEECH[:-1], USABLE)
    with pytest.raises(ValueError, match="NaN"):
        metrics.measure(original, SPEECH * np.float32(np.nan), USABLE)
    with pytest.raises(ValueError, match="empty"):
        Original(np.zeros(0, np.float32))
