"""Streams as pure functions: what they give, and when."""

from __future__ import annotations

import dataclasses
import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiotok_jax import AudioTokenizer, preset
from audiotok_jax.codec import model, stream
from audiotok_jax.config import CodecConfig

LIVE = dataclasses.replace(preset("live-80hz"), encoder_dim=32, decoder_dim=32)
START_ENCODER = jax.jit(stream.start_encoder, static_argnums=(1, 2))
START_DECODER = jax.jit(stream.start_decoder, static_argnums=(1, 2))
ENCODE_STEP = jax.jit(stream.encode_step, static_argnums=1, donate_argnums=2)
DECODE_STEP = jax.jit(stream.decode_step, static_argnums=1, donate_argnums=2)
FRAMES = 60


@pytest.fixture(scope="module")
def live(tiny) -> tuple[CodecConfig, model.Params]:
    """A live codec, untrained; pitch and filters follow the tokens."""
    params = jax.jit(model.init, static_argnums=1)(jax.random.key(0), LIVE)
    heads = params["decoder"]
    heads["to_pitch"]["kernel"] *= 100
    heads["to_filters"]["kernel"] *= 10
    heads["to_filters"]["bias"] += 2
    return LIVE, model.release(jax.tree.map(np.asarray, params), LIVE)


@pytest.fixture(params=["integer", "float"])
def codec(request, live, tiny) -> tuple[CodecConfig, model.Params]:
    return live if request.param == "integer" else tiny


def encoded(params, config, waves, k) -> np.ndarray:
    """All tokens of clips (B, S), by steps of k frames."""
    frames, hop = config.frames(waves.shape[1]), config.hop_length
    steps = -(-(frames + stream.encoder_delay(config)) // k)
    ahead = stream.lead(config)
    fed = np.pad(waves, ((0, 0), (ahead, steps * k * hop - ahead - waves.shape[1])))
    state, found = START_ENCODER(params, config, len(waves)), []
    for part in np.split(fed, steps, axis=1):
        state, tokens = ENCODE_STEP(params, config, state, part)
        found.append(tokens)
    return np.concatenate(found, axis=1)


def decoded(params, config, tokens, k) -> np.ndarray:
    """All samples that steps of k frames give of tokens (B, T), those before them included."""
    steps = -(-(tokens.shape[1] + stream.decoder_delay(config)) // k)
    fed = np.pad(tokens, ((0, 0), (0, steps * k - tokens.shape[1])), constant_values=-1)
    state, found = START_DECODER(params, config, len(tokens)), []
    for part in np.split(fed, steps, axis=1):
        state, wave = DECODE_STEP(params, config, state, part)
        found.append(wave)
    return np.concatenate(found, axis=1)


@pytest.mark.parametrize("k", [1, 7])
def test_steps_give_the_tokens_of_the_clip(codec, speech, k):
    config, params = codec
    waves = np.stack([speech(FRAMES * config.hop_length - 30, seed) for seed in range(2)])
    found, wait = encoded(params, config, waves, k), stream.encoder_delay(config)
    assert (found[:, :wait] == -1).all()
    np.testing.assert_array_equal(
        found[:, wait : wait + FRAMES], model.encode(params, config, waves)
    )


@pytest.mark.parametrize("k", [1, 7])
def test_steps_give_the_speech_of_the_clip(codec, k):
    config, params = codec
    tokens = np.random.default_rng(0).integers(0, 2**16, (2, FRAMES)).astype(np.int32)
    wanted = np.asarray(model.decode(params, config, tokens))
    assert np.abs(wanted).max() > 0.05
    found, wait = decoded(params, config, tokens, k), stream.decoder_delay(config)
    cut = wait * config.hop_length
    assert not found[:, :cut].any()
    np.testing.assert_allclose(found[:, cut:][:, : wanted.shape[1]], wanted, atol=2e-4)
    # Tokens that are late shift the speech, and change nothing of it.
    late = decoded(params, config, np.pad(tokens, ((0, 0), (5, 0)), constant_values=-1), k)
    cut += 5 * config.hop_length
    assert not late[:, :cut].any()
    np.testing.assert_allclose(late[:, cut:][:, : wanted.shape[1]], wanted, atol=2e-4)


def test_rows_begin_anew_at_different_times(live):
    config, params = live
    hop, wait = config.hop_length, stream.encoder_delay(config)
    rng = np.random.default_rng(0)
    waves = rng.integers(-9999, 9999, (2, 20 * hop - stream.lead(config))).astype(np.int16)
    tokens = model.encode(params, config, waves)
    fresh = START_ENCODER(params, config, 1), START_DECODER(params, config, 1)
    states = START_ENCODER(params, config, 3), START_DECODER(params, config, 3)
    fed = np.pad(waves, ((0, 0), (stream.lead(config), wait * hop)))
    heard: list[list[np.ndarray]] = [[], [], []]
    ages = np.array([0, 0, 0])
    restart = jax.jit(stream.reset)
    for at in range(40):
        begin = np.array([at == 0, at == 9, at in (0, 4)])
        ages = np.where(begin, 0, ages)
        states = tuple(restart(s, f, begin) for s, f in zip(states, fresh, strict=True))
        samples = np.stack(
            [fed[i % 2, age * hop :][:hop] if age < 22 else np.zeros(hop, np.int16)
             for i, age in enumerate(ages)]
        )  # fmt: skip
        coder, found = ENCODE_STEP(params, config, states[0], samples)
        found = jnp.where(jnp.asarray(ages >= 20 + wait)[:, None], -1, found)
        player, wave = DECODE_STEP(params, config, states[1], found)
        states = coder, player
        for i in range(3):
            heard[i] = ([] if begin[i] else heard[i]) + [np.asarray(wave[i])]
            if wait <= ages[i] < 20 + wait:
                assert int(found[i, 0]) == int(tokens[i % 2, ages[i] - wait])
        ages += 1
    speech = np.asarray(model.decode(params, config, tokens))
    cut = (wait + stream.decoder_delay(config)) * hop
    for i in range(3):
        whole = np.concatenate(heard[i])
        assert not whole[:cut].any()
        np.testing.assert_allclose(whole[cut:][: 20 * hop], speech[i % 2], atol=2e-4)


def test_a_vmapped_stream_is_a_stream(live):
    config, params = live[0], jax.device_put(live[1])
    rng = np.random.default_rng(0)
    samples = rng.integers(-9999, 9999, (3, config.hop_length)).astype(np.int16)
    batch = START_ENCODER(params, config, 3)
    one = jax.tree.map(lambda leaf: leaf[:, None], batch)
    step = jax.vmap(partial(stream.encode_step, params, config))
    states, tokens = jax.jit(step)(one, samples[:, None])
    again, expected = ENCODE_STEP(params, config, batch, samples)
    np.testing.assert_array_equal(tokens[:, 0], expected)
    for found, wanted in zip(jax.tree.leaves(states), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(found[:, 0], wanted)


@settings(max_examples=8)
@given(place=st.integers(0, 199))
def test_mouth_to_ear_takes_80_ms(live, place):
    """Measured: samples until a change of the input is heard, as late as it can be."""
    config, params = live
    hop = config.hop_length
    at = 20 * hop + place
    quiet = np.zeros((1, 40 * hop), np.int16)
    loud = quiet.copy()
    loud[0, at:] = np.random.default_rng(place).integers(-30000, 30000, loud.shape[1] - at)
    outputs = []
    for wave in (quiet, loud):
        coder, player = START_ENCODER(params, config, 1), START_DECODER(params, config, 1)
        fed = np.pad(wave, ((0, 0), (stream.lead(config), 0)))
        out = []
        for begin in range(0, fed.shape[1] - hop + 1, hop):
            coder, token = ENCODE_STEP(params, config, coder, fed[:, begin : begin + hop])
            player, heard = DECODE_STEP(params, config, player, token)
            out.append(np.asarray(heard[0]))
        outputs.append(np.concatenate(out))
    # What a step gives is played from the moment on when its last sample has come.
    arrived = hop - stream.lead(config)
    first = int(np.flatnonzero(outputs[0] != outputs[1])[0])
    # The same place of the decoded clip lies so many samples after the start of the output.
    shift = (stream.encoder_delay(config) + stream.decoder_delay(config)) * hop
    latency = arrived + shift
    assert latency == config.latency <= 0.08 * config.sample_rate
    # The change is heard no later than that after it happened.
    assert first + arrived <= at + latency


@pytest.mark.parametrize("frames", [1, 4])
def test_pushed_audio_gives_the_tokens_and_the_speech_of_the_clip(live, speech, frames):
    config, params = live
    tokenizer = AudioTokenizer(params, config, devices=jax.devices()[:1])
    coder = tokenizer.encoder_stream(16000, frames)
    player = tokenizer.decoder_stream(frames)
    for samples in (1, 7777):
        wave = speech(samples)
        wanted = tokenizer.encode(wave, 16000)
        cuts = [0, min(3, samples), min(700, samples), min(701, samples), samples]
        parts = [coder.push(wave[a:b]) for a, b in itertools.pairwise(cuts)]
        tokens = np.concatenate([*parts, coder.flush()])
        assert tokens.dtype == np.uint16
        np.testing.assert_array_equal(tokens, wanted)
        heard = np.concatenate([*(player.push(tokens[i : i + 3]) for i in range(0, len(tokens), 3)),
                                player.flush()])  # fmt: skip
        assert heard.dtype == np.float32
        np.testing.assert_allclose(heard, tokenizer.decode(tokens), atol=2e-4)
    assert (len(coder.flush()), len(player.flush())) == (0, 0)
    with pytest.raises(ValueError, match="must lie in 0..65535"):
        player.push([65536])
    with pytest.raises(ValueError, match="frames must be at least 1, not 0"):
        tokenizer.encoder_stream(16000, 0)


def test_pushed_audio_is_resampled(live, speech):
    config, params = live
    tokenizer = AudioTokenizer(params, config, devices=jax.devices()[:1])
    wave = np.stack([speech(9000), speech(9000, 1)], axis=1)
    coder = tokenizer.encoder_stream(22050)
    tokens = np.concatenate([coder.push(wave[:4000]), coder.push(wave[4000:]), coder.flush()])
    np.testing.assert_array_equal(tokens, tokenizer.encode(wave, 22050))
