"""Tests of the alignment: delays that are known, real codecs, waves that are none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.signal
from hypothesis import given

from audiotok_jax import audio
from audiotok_jax.evaluate.align import LIMIT, align

RATE = 16000
DELAY = 592  # samples, 37 ms
EXAMPLES = Path(__file__).parent.parent / "examples"
CLIPS = ("cmn_female", "en_gb_male", "en_us_female")


def read(name: str, seconds: float = 4.0) -> np.ndarray:
    return audio.read(EXAMPLES / f"{name}.flac", RATE)[0][: int(seconds * RATE)]


SPEECH = {name: read(name) for name in CLIPS}


def late(wave: np.ndarray, delay: int) -> np.ndarray:
    """The wave `delay` samples later, or so much earlier if it is negative."""
    return np.concatenate([np.zeros(max(delay, 0), np.float32), wave[max(-delay, 0) :]])


def noisy(wave: np.ndarray, snr: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=len(wave))
    return (wave + noise * wave.std() / 10 ** (snr / 20)).astype(np.float32)


def telephone(wave: np.ndarray) -> np.ndarray:
    """300 to 3400 Hz without a delay."""
    band = scipy.signal.butter(4, (300, 3400), "bandpass", fs=RATE, output="sos")
    return scipy.signal.sosfiltfilt(band, wave).astype(np.float32)


def vocoded(wave: np.ndarray) -> np.ndarray:
    """Speech with random phases: all that is left of the original is its spectrogram."""
    _, _, spectrum = scipy.signal.stft(wave, RATE, nperseg=320)
    turn = np.random.default_rng(0).uniform(0, 2 * np.pi, spectrum.shape)
    _, out = scipy.signal.istft(np.abs(spectrum) * np.exp(1j * turn), RATE, nperseg=320)
    return out[: len(wave)].astype(np.float32)


DEGRADATIONS = {
    "none": lambda wave: wave,
    "20 dB down, inverted": lambda wave: -0.1 * wave,
    "noise": lambda wave: noisy(wave, 5),
    "telephone": lambda wave: noisy(telephone(wave), 20),
    "4 bits": lambda wave: np.round(8 * wave / np.abs(wave).max()) / 8,
    "clipped": lambda wave: np.clip(8 * wave, -0.5, 0.5),
}


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("delay", [DELAY, -DELAY, 0, 1, 8000, -8000])
@pytest.mark.parametrize("degrade", DEGRADATIONS.values(), ids=DEGRADATIONS)
def test_a_delay_is_found_to_the_sample(name, delay, degrade):
    decoded = late(degrade(SPEECH[name]), delay)
    assert align(SPEECH[name], decoded, RATE).delay == delay


@given(delay=st.integers(-8000, 8000), tail=st.integers(-8000, 8000))
def test_the_decoded_wave_is_brought_to_the_span_of_the_original(delay, tail):
    original = SPEECH["en_us_female"]
    decoded = np.pad(late(original, delay), (0, max(tail, 0)), constant_values=0.1)
    decoded = decoded[: len(decoded) + min(tail, 0)]
    aligned = align(original, decoded, RATE)
    assert aligned.delay == delay
    assert aligned.length_difference == len(decoded) - len(original)
    expected = np.zeros_like(original)
    first, last = max(-delay, 0), min(len(original), len(decoded) - delay)
    expected[first:last] = original[first:last]
    np.testing.assert_array_equal(aligned.decoded, expected)
    assert aligned.decoded.dtype == np.float32


@pytest.mark.parametrize("name", CLIPS)
def test_what_keeps_no_phases_is_not_moved_by_pitch_periods(name):
    original, decoded = SPEECH[name], vocoded(SPEECH[name])
    match = scipy.signal.correlate(decoded, original, "full")
    plain = int(np.argmax(np.abs(match))) - len(original) + 1
    found = align(original, decoded, RATE).delay
    assert abs(found) <= 24 < abs(plain)  # 1.5 ms
    for delay in (DELAY, -DELAY):
        assert abs(align(original, late(decoded, delay), RATE).delay - found - delay) <= 8


@pytest.mark.skipif(not shutil.which("c2enc"), reason="needs c2enc and c2dec (Debian: codec2)")
@pytest.mark.parametrize("mode", ["1200", "3200"])
def test_codec2_has_one_delay(mode):
    delays = []
    for original in SPEECH.values():
        pcm = (32767 * scipy.signal.resample_poly(original, 1, 2)).astype("<i2").tobytes()
        for program in ("c2enc", "c2dec"):
            run = subprocess.run([program, mode, "-", "-"], input=pcm, capture_output=True)
            assert run.returncode == 0
            pcm = run.stdout
        decoded = scipy.signal.resample_poly(np.frombuffer(pcm, "<i2") / 32768, 2, 1)
        decoded = decoded.astype(np.float32)
        delays.append(align(original, decoded, RATE).delay)
        late_by = align(original, late(decoded, DELAY), RATE).delay - delays[-1]
        assert abs(late_by - DELAY) <= 2
    # Its analysis and synthesis windows make 15 to 25 ms; the clips agree within 3 ms.
    assert 240 <= min(delays) and max(delays) <= 400 and max(delays) - min(delays) <= 48


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_other_rates(rate):
    original, _ = audio.read(EXAMPLES / "en_gb_male.flac", rate)
    delay = round(0.037 * rate)
    assert align(original, late(original, delay), rate).delay == delay
    assert abs(align(original, late(vocoded(original), delay), rate).delay - delay) < rate / 500


@pytest.mark.parametrize("seconds", [0.05, 0.2, 1.0])
def test_short_clips(seconds):
    original = SPEECH["en_gb_male"][16000 : 16000 + int(RATE * seconds)]
    assert align(original, late(noisy(original, 20), DELAY), RATE).delay == DELAY
    aligned = align(original, vocoded(original), RATE)
    assert len(aligned.decoded) == len(original) and abs(aligned.delay) <= LIMIT * RATE


@pytest.mark.parametrize("samples", [0, 1, 800, 40000])
def test_nothing_is_moved_where_one_is_silent(samples):
    original, silence = SPEECH["en_us_female"], np.zeros(samples, np.float32)
    aligned = align(original, silence, RATE)
    assert aligned.delay == 0 and aligned.length_difference == samples - len(original)
    assert len(aligned.decoded) == len(original) and not aligned.decoded.any()
    aligned = align(silence, original, RATE)
    assert aligned.delay == 0
    np.testing.assert_array_equal(aligned.decoded, original[:samples])


def test_bad_waves():
    with pytest.raises(ValueError, match="NaN"):
        align(SPEECH["en_us_female"], np.full(100, np.nan, np.float32), RATE)
    with pytest.raises(ValueError, match="shape"):
        align(SPEECH["en_us_female"], np.zeros((2, 2, 2), np.float32), RATE)
