"""Losses made after models of listeners."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import scipy.stats

from audiotok_jax import audio
from audiotok_jax.codec.quantizers.binary_spherical import BinarySpherical
from audiotok_jax.train.config import Recipe
from audiotok_jax.train.losses.level import LevelLoss
from audiotok_jax.train.losses.mel import MelLoss
from audiotok_jax.train.losses.pesq import PesqLoss
from audiotok_jax.train.losses.stft import StftLoss
from audiotok_jax.train.losses.stoi import StoiLoss
from audiotok_jax.train.losses.timbre import TimbreLoss

pytestmark = pytest.mark.usefixtures("compiled_quickly")

EXAMPLES = Path(__file__).parent.parent / "examples"
RATE = 16000
STOI, PESQ, TIMBRE, LEVEL = LOSSES = StoiLoss(), PesqLoss(), TimbreLoss(), LevelLoss()


def measured(loss, decoded, reference):
    """A loss of NumPy arrays."""
    return loss(jnp.asarray(decoded), jnp.asarray(reference), RATE)


@pytest.fixture(scope="module")
def speech():
    waves = [audio.read(path, RATE)[0][: 2 * RATE] for path in sorted(EXAMPLES.glob("*.flac"))]
    return np.stack([wave for wave in waves if len(wave) == 2 * RATE])


@pytest.fixture(scope="module")
def noisy(speech):
    noise = np.random.default_rng(0).standard_normal(speech.shape).astype(np.float32)
    return {
        db: speech + noise * speech.std(axis=1, keepdims=True) * np.float32(10 ** (-db / 20))
        for db in (20, 10, 0, -10)
    }


def test_the_stoi_loss_follows_the_measure_it_is_made_after(speech, noisy):
    pystoi = pytest.importorskip("pystoi", reason="needs the extra eval")
    for wave in noisy.values():
        ours = 1 - measured(STOI, wave, speech)
        theirs = [pystoi.stoi(*pair, RATE) for pair in zip(speech, wave, strict=True)]
        np.testing.assert_allclose(ours, theirs, atol=0.06)


@pytest.mark.parametrize("measure", LOSSES)
def test_more_noise_is_worse_and_none_is_best(measure, speech, noisy):
    values = [measured(measure, wave, speech) for wave in (speech, *noisy.values())]
    assert (np.diff(values, axis=0) > 0).all()
    np.testing.assert_allclose(values[0], 0, atol=1e-2)


def test_the_pesq_loss_follows_the_measure_it_is_made_after(speech, noisy):
    pesq = pytest.importorskip("pesq", reason="needs the extra eval")
    waves = [*noisy.values(), *(0.5 * (speech + wave) for wave in noisy.values())]
    ours = [measured(PESQ, wave, speech) for wave in waves]
    theirs = [
        [pesq.pesq(RATE, *pair, "wb") for pair in zip(speech, wave, strict=True)] for wave in waves
    ]
    assert scipy.stats.spearmanr(np.ravel(ours), np.ravel(theirs)).statistic < -0.95


@pytest.mark.parametrize("measure", [STOI, PESQ])
def test_a_level_counts_for_nothing(measure, speech):
    np.testing.assert_allclose(measured(measure, 0.5 * speech, speech), 0, atol=1e-2)


@pytest.mark.parametrize("measure", [TIMBRE, LEVEL])
@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_a_level_is_told_in_nepers(measure, gain, speech):
    np.testing.assert_allclose(measured(measure, gain * speech, speech), np.log(2), atol=0.03)


def test_a_filter_changes_the_timbre(speech):
    brighter = scipy.signal.lfilter([1, -0.9], [1], speech).astype(np.float32)
    assert (measured(TIMBRE, brighter, speech) > 0.3).all()
    assert (measured(PESQ, brighter, speech) < 0.5).all()


def test_what_is_added_disturbs_more_than_what_is_missing(speech):
    lower = scipy.signal.sosfilt(
        scipy.signal.butter(4, (1000, 2000), "bandstop", fs=RATE, output="sos"), speech
    ).astype(np.float32)
    part = np.arange(speech.shape[1]) // (RATE // 2) % 2 == 0
    cut = np.where(part, lower, speech)  # not all the time: a filter would count for nothing
    missing = measured(PESQ, cut, speech)
    added = measured(PESQ, speech, cut)
    assert (added > missing).all()
    assert (missing > 0.01).all()


def test_a_loss_that_is_named_like_another_or_has_no_weight():
    with pytest.raises(ValueError, match="losses must have different names, not mel, mel"):
        Recipe(losses=(MelLoss(), MelLoss(2.0)))
    off = Recipe(losses=(MelLoss(), LevelLoss(0.0), TimbreLoss(((0, 0.0), (9, 1.0)))))
    assert [loss.name for loss in off.active_losses] == ["mel", "timbre"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StoiLoss(reference="original"), "stoi_loss.reference must be recording or target"),
        (lambda: PesqLoss(weight="high"), "pesq_loss.weight must be a number"),
        (lambda: LevelLoss(((3, 1.0), (2, 1.0))), "level.weight must be .* increasing steps"),
        (lambda: MelLoss(scales=()), "mel.scales must be"),
        (lambda: MelLoss(scales=((30, 5),)), "mel.scales must be"),
        (lambda: StftLoss(windows=(0,)), "stft.windows must be multiples of 4"),
        (lambda: TimbreLoss(seconds=-1.0), "timbre.seconds must be positive"),
    ],
)
def test_settings_of_a_loss_that_cannot_be_are_named_with_it(make, message):
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("measure", LOSSES)
def test_gradients_are_finite_at_any_level(measure, speech):
    half = np.r_[np.zeros(RATE // 2, np.float32), speech[0, : RATE // 2]]
    levels = np.float32([[0], [1e-6], [1e-3], [1]])
    wave = np.repeat(levels * half, len(levels), axis=0)
    decoded = np.tile(levels * speech[1, :RATE], (len(levels), 1))
    total = jax.jit(jax.value_and_grad(lambda x, y: jnp.sum(measure(x, y, RATE))))
    value, gradient = total(decoded, wave)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("samples", [200, 4000, 6400])
def test_short_crops_are_measured(samples, speech, noisy):
    for measure in LOSSES:
        assert (measured(measure, noisy[0][:, :samples], speech[:, :samples]) > 0).all()


def test_a_bit_that_is_constant_in_a_clip_is_told_though_the_batch_is_balanced():
    rng = np.random.default_rng(0)
    unit = rng.standard_normal((4, 500, 16)).astype(np.float32)
    quantizer = BinarySpherical(16)

    @jax.jit
    def measured(unit):
        return quantizer.regularizer(unit, quantizer.statistics(unit))[0]["balance"]

    assert measured(unit) == 0
    unit[..., 3] = np.array([100, -100, 100, -100])[:, None]
    np.testing.assert_allclose(measured(unit), 0.25 / 16, rtol=1e-4)
    np.testing.assert_allclose(quantizer.statistics(jnp.asarray(unit)).ones[3], 0.5, atol=1e-4)
