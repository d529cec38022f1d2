"""Changes of the audio."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audiotok_jax.data import augment
from audiotok_jax.data.augment import Augment

RATE = 16000

samples = st.floats(-1, 1, width=32)
waves = hnp.arrays(np.float32, st.integers(1, 400), elements=samples)
seeds = st.integers(0, 2**32)


def noise(seed: int, length: int = 4000) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, length).astype(np.float32)


def power(wave: np.ndarray) -> float:
    return float(np.mean(np.square(wave, dtype=np.float64)))


@given(waves, st.floats(-60, 20))
def test_gain_changes_the_power_by_its_decibels(wave, db):
    changed = augment.gain(wave, db)
    assert changed.dtype == np.float32
    np.testing.assert_allclose(changed, wave * 10 ** (db / 20), rtol=1e-6, atol=1e-38)


@given(st.floats(0.7, 1.5), st.integers(8000, 16000))
def test_what_is_played_faster_is_higher_and_shorter(factor, length):
    t = np.arange(length) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    played = augment.change_speed(tone, factor)
    assert played.dtype == np.float32 and abs(len(played) - length / factor) <= 1
    spectrum = np.abs(np.fft.rfft(played * np.hanning(len(played)), 2**16))
    assert np.argmax(spectrum) * RATE / 2**16 == pytest.approx(1000 * factor, rel=2e-3)


@given(seeds)
def test_the_speed_lies_in_its_range_and_is_1_where_none_is_asked_for(seed):
    random = np.random.default_rng(seed)
    config = Augment(speed=0.5, speed_range=(0.8, 1.3))
    drawn = np.array([augment.draw_speed(config, random) for _ in range(500)])
    assert abs(np.mean(drawn == 1) - 0.5) < 0.12
    assert ((drawn == 1) | (0.8 <= drawn) & (drawn <= 1.3)).all()
    assert augment.draw_speed(Augment(), random) == 1


@given(seeds, st.floats(-20, 60))
def test_noise_comes_at_the_ratio_that_was_asked_for(seed, snr_db):
    speech, other = noise(seed), noise(seed + 1)
    changed = augment.add_noise(speech, other, snr_db)
    assert changed.dtype == np.float32
    # In float64, as the difference of two float32 waves would else have their rounding.
    added = changed.astype(np.float64) - speech
    assert 10 * np.log10(power(speech) / power(added)) == pytest.approx(snr_db, abs=0.01)
    np.testing.assert_allclose(added, other * (np.sqrt(power(added) / power(other))), atol=1e-6)


@given(waves)
def test_silence_stays_silent_and_silent_noise_adds_nothing(wave):
    silence = np.zeros_like(wave)
    assert not augment.add_noise(silence, wave, 0.0).any()
    np.testing.assert_array_equal(augment.add_noise(wave, silence, 0.0), wave)
    assert not augment.reverberate(silence[None], noise(0, 100)).any()
    np.testing.assert_array_equal(augment.reverberate(wave[None], np.zeros(9, np.float32))[0], wave)
    assert not augment.limit_band(silence, 300.0, 3400.0, RATE).any()
    assert not augment.gain(silence, 20.0).any()
    assert not augment.recolour(silence[None], np.full(len(augment.COLOUR_HZ), 6.0), RATE).any()


@given(seeds)
def test_a_spectrum_is_changed_where_it_was_asked_for_and_keeps_its_power(seed):
    random = np.random.default_rng(seed)
    db = random.uniform(-6, 6, len(augment.COLOUR_HZ))
    speech = noise(seed, 16000)
    changed = augment.recolour(speech[None], db, RATE)[0]
    assert changed.shape == speech.shape and changed.dtype == np.float32
    assert power(changed) == pytest.approx(power(speech), rel=1e-4)
    ratio = np.fft.rfft(changed) / np.fft.rfft(speech)
    found = 20 * np.log10(np.abs(ratio[[round(hz) for hz in augment.COLOUR_HZ]]))
    np.testing.assert_allclose(found - found[0], db - db[0], atol=0.01)
    np.testing.assert_allclose(np.angle(ratio), 0, atol=0.01)


@given(seeds, st.integers(0, 300))
def test_a_room_that_only_delays_changes_nothing(seed, delay):
    wave = noise(seed)
    impulse = np.zeros(delay + 50, np.float32)
    impulse[delay] = -0.3
    np.testing.assert_allclose(augment.reverberate(wave[None], impulse)[0], -wave, atol=1e-6)


@given(seeds)
def test_a_room_keeps_length_and_power_and_rings_after_a_click(seed):
    impulse = noise(seed, 800) * np.exp(-np.arange(800) / 100, dtype=np.float32)
    impulse[0] = 1.0
    speech = noise(seed + 1)
    room = augment.reverberate(speech[None], impulse)[0]
    assert room.shape == speech.shape and room.dtype == np.float32
    assert power(room) == pytest.approx(power(speech), rel=1e-4)
    click = np.zeros(2000, np.float32)
    click[500] = 1.0
    rung = augment.reverberate(click[None], impulse)[0]
    scale = rung[500]
    np.testing.assert_allclose(rung[500:1300], scale * impulse, atol=1e-5)
    np.testing.assert_allclose(rung[:500], 0, atol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(300.0, 3400.0), (None, 3400.0), (None, 2000.0)])
def test_a_limited_band_keeps_what_lies_in_it_and_loses_the_rest(low, high):
    def level(hz: float) -> float:
        tone = np.sin(2 * np.pi * hz * np.arange(RATE) / RATE).astype(np.float32)
        changed = augment.limit_band(tone, low, high, RATE)
        assert changed.dtype == np.float32
        return 10 * np.log10(power(changed[RATE // 2 :]) / power(tone[RATE // 2 :]))

    assert level(high) == pytest.approx(-3, abs=0.1)
    assert level(1000) == pytest.approx(0, abs=0.1)
    assert level(1.6 * high) < -30
    if low is not None:
        assert level(low) == pytest.approx(-3, abs=0.1)
        assert level(low / 2) < -40


@given(waves, st.integers(0, 1000), st.integers(0, 1000))
def test_a_loop_repeats_without_end(wave, start, length):
    looped = augment.loop(wave, length, start)
    assert len(looped) == length
    assert all(looped[i] == wave[(start + i) % len(wave)] for i in range(length))


EVERYTHING = Augment(
    colour=0.5, reverb=0.5, reverb_data=("rooms",), noise=0.5, noise_data=("noise",),
    band=0.5, gain=0.5,
)  # fmt: skip


def changed(wave: np.ndarray, seed: int, config: Augment) -> np.ndarray:
    return change(wave[None], seed, config)[0]


def change(waves: np.ndarray, seed: int, config: Augment) -> np.ndarray:
    return augment.change(
        waves,
        config,
        RATE,
        np.random.default_rng(seed),
        lambda: noise(1, 500),
        lambda: noise(2, 300),
    )


@given(waves, seeds)
def test_a_target_is_changed_as_what_is_heard_but_for_noise(wave, seed):
    without = dataclasses.replace(EVERYTHING, noise=0.0)
    for config in (EVERYTHING, without):
        heard, _, _ = change(np.stack([wave] * 3), seed, config)
        np.testing.assert_array_equal(heard, changed(wave, seed, config))
    for one in change(np.stack([wave] * 3), seed, without):
        np.testing.assert_array_equal(one, changed(wave, seed, without))


@given(seeds)
def test_a_target_stays_at_its_level_beside_what_was_recorded(seed):
    """As colours and rooms are linear, what is left out of the target is changed as the rest."""
    speech, hiss = noise(seed, 1000), noise(seed + 1, 1000)
    recorded = speech + hiss
    config = Augment(colour=1.0, reverb=1.0, reverb_data=("rooms",), gain=0.0)
    _, whole, target = change(np.stack([recorded, recorded, speech]), seed, config)
    _, _, rest = change(np.stack([recorded, recorded, hiss]), seed, config)
    np.testing.assert_allclose(target + rest, whole, atol=1e-5)


def test_noise_is_added_to_what_is_heard_alone():
    waves = np.stack([noise(3, 1000), noise(3, 1000), noise(4, 1000)])
    heard, *others = change(waves, 0, Augment(noise=1.0, noise_data=("noise",), gain=0.0))
    assert not np.allclose(heard, waves[0])
    np.testing.assert_array_equal(others, waves[1:])


@given(waves, seeds)
def test_the_seed_decides_and_nothing_becomes_nan(wave, seed):
    once, again = changed(wave, seed, EVERYTHING), changed(wave, seed, EVERYTHING)
    np.testing.assert_array_equal(once, again)
    assert once.shape == wave.shape and once.dtype == np.float32
    assert np.isfinite(once).all()


@given(waves, seeds)
def test_the_default_changes_the_gain_of_half_of_the_crops_within_its_range(wave, seed):
    assume(np.abs(wave).max() > 1e-3)
    loudest = int(np.abs(wave).argmax())
    ratio = changed(wave, seed, Augment())[loudest] / wave[loudest]
    assert 10 ** (-20 / 20) * 0.999 <= ratio <= 10 ** (6 / 20) * 1.001


def test_shares_are_kept():
    wave, least = noise(0, 50), 0.25
    off = dict.fromkeys(("colour", "reverb", "noise", "band", "gain"), 0.0)
    for name in off:
        config = Augment(**{**off, name: least}, reverb_data=("rooms",), noise_data=("noise",))
        count = sum(not np.array_equal(changed(wave, seed, config), wave) for seed in range(2000))
        assert abs(count / 2000 - least) < 4 * np.sqrt(least * (1 - least) / 2000)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"gain": 1.5}, "gain must be a share in 0..1, not 1.5"),
        ({"noise": 0.1}, "noise needs noise_data"),
        ({"reverb": 0.1}, "reverb needs reverb_data"),
        ({"colour_db": -1.0}, "colour_db must not be negative, but is -1"),
        ({"gain_db": (6.0, -20.0)}, "gain_db must be a range LOW, HIGH"),
        ({"speed_range": (0.0, 2.0)}, "speed_range must be above 0, not 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        Augment(**settings)
