"""The codec's functions: spectra, sources, encoder and decoder."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from audiotok_jax import PRESETS, preset
from audiotok_jax.codec import decoder, model, pitch_tracker, quantizers, source, spectral
from audiotok_jax.codec.encoders import floating
from audiotok_jax.codec.heads import noise
from audiotok_jax.config import CodecConfig
from audiotok_jax.windows import cut

pytestmark = pytest.mark.usefixtures("compiled_quickly")

INIT = jax.jit(model.init, static_argnums=1)
ENCODE = jax.jit(model.encode, static_argnums=1)
DECODE = jax.jit(model.decode, static_argnums=1)
RATES = [name for name in PRESETS if name.startswith("tiny")]


def test_overlap_add_is_the_adjoint_of_frame():
    wave = jax.random.normal(jax.random.key(0), (2, 40))
    frames = jax.random.normal(jax.random.key(1), (2, 7, 16))
    forward = jnp.sum(spectral.frame(wave, 16, 4) * frames)
    backward = jnp.sum(wave * spectral.overlap_add(frames, 4))
    assert float(forward) == pytest.approx(float(backward), rel=1e-5)
    np.testing.assert_array_equal(spectral.frame(wave, 16, 4)[1, 3], wave[1, 12:28])


def test_root_hann_windows_reconstruct_perfectly():
    wave = jax.random.normal(jax.random.key(0), (160,))
    window = np.sqrt(spectral.hann(16))[None]
    again = spectral.overlap_add(spectral.frame(wave, 16, 4) * window**2, 4) / 2
    np.testing.assert_allclose(again[12:-12], wave[12:-12], atol=1e-6)


def test_minimum_phase_of_a_minimum_phase_filter_is_itself():
    # All zeros lie well within the unit circle: the cepstrum has died down before it wraps around.
    spectrum = np.fft.rfft(np.poly([0.6, -0.5, 0.4 + 0.3j, 0.4 - 0.3j]).real, 400)
    found = spectral.minimum_phase(jnp.log(jnp.abs(spectrum)))
    np.testing.assert_allclose(found, spectrum, atol=1e-5)


def glide(config, frames: int, seed: int = 0) -> jax.Array:
    """Pitch indices over the whole range, with leaps: int32 (1, frames)."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-20, 21, (1, frames)).cumsum(axis=1) + 128
    steps[:, frames // 2 :] += 100
    return jnp.int32(steps.clip(0, config.pitch_bins - 1))


def test_harmonics_are_the_sum_of_cosines():
    config = preset("tiny-80hz")
    steps = source.phase_steps(glide(config, 202), config)
    phase = np.array([123456789], np.uint32)
    wave = np.asarray(source.harmonics(steps, phase, config))[0]
    hop = config.hop_length
    starts = np.asarray(steps)[0].astype(np.int64)
    slopes = (starts[1:] - starts[:-1]) // hop
    increments = (starts[:-1, None] + np.arange(hop) * slopes[:, None]).reshape(-1)
    theta = int(phase[0]) + np.concatenate([[0], np.cumsum(increments)[:-1]])
    theta = (theta % 2**32) * (2 * np.pi / 2**32)
    count = 2.0**31 / increments
    expected = np.zeros(len(theta))
    for k in range(1, int(count.max()) + 2):
        expected += np.clip(count - k + 1, 0, 1) * np.cos(k * theta)
    # Up to 133 harmonics, each of a phase rounded to 2**-24 of a cycle, times sqrt(2 / count).
    np.testing.assert_allclose(wave, expected * np.sqrt(2 / count), atol=2e-4)
    assert np.mean(wave**2) == pytest.approx(1, abs=0.1)


def test_carries_add_up_however_the_clip_is_cut(tiny):
    config, params = tiny
    halo = config.decoder_halo
    tokens = np.pad(np.arange(0, 13107200, 65536, np.int32) % 65521, halo, constant_values=-1)[None]
    prepare = jax.jit(model.prepare, static_argnums=1)
    _, whole = prepare(params, config, tokens)
    edges = [0, 50, 75, 100, 150, 175, 200]
    parts = [
        prepare(params, config, tokens[:, a : b + sum(halo)])[1]
        for a, b in zip(edges, edges[1:], strict=False)
    ]
    total = [sum(int(value[0]) for value in values) for values in zip(*parts, strict=True)]
    assert total[0] > 2**32
    assert [total[0] % 2**32, total[1]] == [int(whole.phase[0]), int(whole.frame[0])]


@pytest.mark.parametrize("kind", ["threefry", "hash"])
def test_noise_depends_on_the_position_alone(kind):
    config = dataclasses.replace(preset("tiny-80hz"), noise=kind)
    whole = np.asarray(noise.noise(np.array([-4, 0], np.int32), 80, config)).reshape(2, 80, -1)
    part = np.asarray(noise.noise(np.array([3], np.int32), 5, config)).reshape(5, -1)
    np.testing.assert_array_equal(whole[0, 4:], whole[1, :-4])
    np.testing.assert_array_equal(whole[1, 3:8], part)
    assert np.mean(whole**2) == pytest.approx(1, abs=0.05)
    assert abs(np.corrcoef(whole[1, 0], whole[1, 1])[0, 1]) < 0.3


def test_noise_by_a_hash_in_numpy():
    """Exact in Python's integers; white, and about normal."""
    config = preset("live-80hz")

    def sample(index):
        x = (index + 0x9E3779B9) % 2**32
        x = (x ^ x >> 16) * 0x7FEB352D % 2**32
        x = (x ^ x >> 15) * 0x846CA68B % 2**32
        x ^= x >> 16
        total = sum(x.to_bytes(4, "little")) - 510
        return np.float32(total) * np.float32((12 / (4 * (2**16 - 1))) ** 0.5)

    first, frames = -3, 400
    found = np.asarray(noise.noise(np.array([first], np.int32), frames, config))[0]
    where = range(first * config.hop_length, (first + frames) * config.hop_length)
    np.testing.assert_array_equal(found, [sample(i) for i in where])
    assert found.mean() == pytest.approx(0, abs=0.01)
    assert found.var() == pytest.approx(1, abs=0.01)
    power = np.abs(np.fft.rfft(found.reshape(-1, 400), norm="ortho")) ** 2
    assert np.abs(power.mean(axis=0)[1:-1] - 1).max() < 0.3
    lags = [np.mean(found[lag:] * found[:-lag]) for lag in (1, 2, 16, 200, 256, 4096)]
    assert np.abs(lags).max() < 0.015
    assert np.mean(np.abs(found) > 2) == pytest.approx(0.046, abs=0.01)


@pytest.mark.parametrize(("name", "hops"), [(RATES[0], 0), *((name, 3) for name in RATES)])
def test_shapes_of_all_rates(name, hops):
    config = preset(name)
    params = INIT(jax.random.key(0), config)
    samples, frames = hops * config.hop_length + 1, hops + 1
    tokens = ENCODE(params, config, np.zeros((2, samples), np.float32))
    assert (tokens.shape, tokens.dtype) == ((2, frames), np.int32)
    wave = DECODE(params, config, tokens)
    assert (wave.shape, wave.dtype) == ((2, frames * config.hop_length), np.float32)
    assert np.isfinite(wave).all()
    assert config.frame_rate == float(name.removeprefix("tiny-").removesuffix("hz"))


def test_gradients_are_finite_also_of_silence(tiny, speech):
    config, params = tiny
    frames = 24
    wave = np.zeros((2, frames * config.hop_length + sum(config.encoder_halo)), np.float32)
    wave[1] = speech(wave.shape[1])
    halo, quantizer = config.decoder_halo, quantizers.of(config)

    def loss(params, wave):
        latent = model.latent(params, config, wave)
        codes = jnp.pad(quantizer.quantize(latent), ((0, 0), halo, (0, 0)))
        parts, _ = decoder.prepare(params["decoder"], config, codes)
        out = decoder.render(config, parts, decoder.start(config, 2))
        terms, _ = quantizer.regularizer(latent, quantizer.statistics(latent))
        return jnp.mean(out**2) + jnp.mean(parts.controls.pitch**2) + terms["entropy"]

    grads = jax.jit(jax.grad(loss, argnums=(0, 1)))(params, wave)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))
    # The gradient reaches everything that is learnt.
    assert all(np.any(leaf) for leaf in jax.tree.leaves(grads[0]))


def test_a_second_window_sees_the_middle_of_the_first(speech):
    one = preset("tiny-80hz")
    two = dataclasses.replace(one, short_n_fft=400)
    wave = jnp.asarray(speech(8 * one.hop_length + one.n_fft - one.subframe_length)[None])
    found = np.asarray(floating.features(wave, two)).reshape(16, -1)
    before = np.asarray(floating.features(wave, one)).reshape(16, -1)
    np.testing.assert_array_equal(found[:, : before.shape[1]], before)
    for place in (0, 15):
        middle = place * one.subframe_length + one.n_fft // 2
        part = np.asarray(wave[0, middle - 200 : middle + 200]) * np.hanning(401)[:-1]
        expected = (np.log(np.abs(np.fft.rfft(part)) + 1e-4) + 3) / 3
        np.testing.assert_allclose(found[place, before.shape[1] :], expected, atol=1e-3)


def test_windows_of_an_odd_number_of_samples(speech):
    one = dataclasses.replace(preset("tiny-80hz"), hop_length=75, subframe_length=25, n_fft=775)
    two = dataclasses.replace(one, short_n_fft=375)
    wave = jnp.asarray(speech(4 * 75 + 775 - 25)[None])
    assert floating.features(wave, one).shape == (1, 4, 3 * (388 + 256))
    assert floating.features(wave, two).shape == (1, 4, 3 * (388 + 256 + 188))


def test_a_config_is_read_as_it_was_written():
    one = preset("tiny-80hz")
    two = dataclasses.replace(one, short_n_fft=400)
    assert [CodecConfig.from_dict(c.to_dict()) for c in (one, two)] == [one, two]


def test_vmap_is_the_batch(tiny, speech):
    config, params = tiny
    waves = np.stack([speech(5000, seed) for seed in range(3)])
    tokens = jax.jit(jax.vmap(lambda wave: model.encode(params, config, wave[None])[0]))(waves)
    np.testing.assert_array_equal(tokens, ENCODE(params, config, waves))
    again = jax.jit(jax.vmap(lambda row: model.decode(params, config, row[None])[0]))(tokens)
    np.testing.assert_allclose(again, DECODE(params, config, tokens), atol=1e-4)


def test_encoding_in_windows_is_encoding_the_whole(tiny, tokenizer, speech):
    config, params = tiny
    wave = speech(120_001)
    (left, right), rest = config.encoder_halo, -len(wave) % config.hop_length
    to_latent = jax.jit(model.latent, static_argnums=1)
    latent = np.asarray(to_latent(params, config, np.pad(wave, (left, right + rest))[None]))[0]
    windows = cut([wave], 64 * config.hop_length, (left, right), 0.0)
    parts = [to_latent(params, config, window[None])[0] for window, _ in windows]
    # Products of matrices with other numbers of rows round differently: a few units of the last
    # place of coordinates below 1, layer by layer.
    np.testing.assert_allclose(np.concatenate(parts)[: len(latent)], latent, atol=2e-6)
    whole = np.asarray(ENCODE(params, config, wave[None]))[0]
    flips = (tokenizer.encode(wave, config.sample_rate) ^ whole)[:, None] >> np.arange(16) & 1
    # A bit may differ only where its coordinate is as good as zero.
    assert np.all(np.abs(latent)[flips > 0] < 2e-6)


def test_decoding_in_windows_is_decoding_the_whole(tiny, tokenizer, speech):
    config, params = tiny
    tokens = tokenizer.encode(speech(120_001), config.sample_rate)
    whole = np.asarray(DECODE(params, config, tokens[None].astype(np.int32)))[0]
    wave = tokenizer.decode(tokens)
    assert np.sqrt(np.mean(whole**2)) > 0.05
    # Phase and noise are exact; log-magnitudes and transforms round.
    np.testing.assert_allclose(wave, whole, atol=1e-5)


def test_an_unknown_preset_suggests_a_near_one():
    with pytest.raises(ValueError, match="did you mean small-80hz"):
        preset("smal-80hz")
    with pytest.raises(ValueError, match="no preset '???'".replace("?", r"\?")):
        preset("???")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hop_length": 250}, "does not divide"),
        ({"hop_length": 256, "subframe_length": 128}, "multiple of subframe_length 128, not 800"),
        ({"hop_length": 25, "subframe_length": 25}, "both be even"),
        ({"n_fft": 0}, "n_fft must lie in 1..16384, not 0"),
        ({"short_n_fft": 800}, "below n_fft 800 .* not 800"),
        ({"short_n_fft": 450}, "multiple of subframe_length 100 .* not 450"),
        ({"short_n_fft": -100}, "not -100"),
        (
            {"hop_length": 75, "subframe_length": 25, "n_fft": 775, "short_n_fft": 400},
            "odd or even as that is, not 400",
        ),
        ({"noise": "pink"}, "noise must be threefry or hash, not pink"),
    ],
)
def test_a_codec_that_cannot_be_framed(fields, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(preset("tiny-80hz"), **fields)


@pytest.mark.parametrize(
    "wave", [jnp.zeros((1, 400), jnp.float16), jnp.zeros(400), np.zeros((1, 400), np.float32)]
)
def test_arrays_of_other_types_are_errors_in_tests(wave):
    with pytest.raises(TypeCheckError, match="parameter 'wave'"):
        pitch_tracker.track(wave, preset("tiny-80hz"))
