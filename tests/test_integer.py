"""The integer encoder: JAX on any setting gives the tokens that the NumPy reference defines."""

from __future__ import annotations

import dataclasses
import re
from functools import partial

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from sounds import make_speech

from audiotok_jax.codec import stream
from audiotok_jax.codec.integer import encoder, from_float, reference, tables
from audiotok_jax.codec.integer.params import GELU, Block, Linear, Params, check_ranges
from audiotok_jax.config import CodecConfig, preset

CONFIG = CodecConfig(
    encoder="integer",
    short_n_fft=400,
    encoder_dim=32,
    encoder_depth=2,
    encoder_look_ahead=3,
    kernel_size=5,
    pitch_bins=32,
    pitch_cents=120.0,
)
# What is compiled for each test is about as long for any sizes; this one has fewer parts.
TINY = CodecConfig(
    encoder="integer",
    hop_length=40,
    subframe_length=20,
    n_fft=80,
    encoder_dim=16,
    encoder_depth=1,
    encoder_look_ahead=1,
    kernel_size=5,
    pitch_min=1000.0,
    pitch_bins=4,
)
SMALL = dataclasses.replace(
    TINY, short_n_fft=40, encoder_dim=32, encoder_depth=2, encoder_look_ahead=3
)
FRAMES = 64
ENCODE = jax.jit(encoder.encode, static_argnums=(1, 3))
WINDOW = jax.jit(encoder.encode_window, static_argnums=(1, 3))
START = jax.jit(encoder.init_state, static_argnums=(1, 2, 3))
INIT = jax.jit(from_float.init, static_argnums=1)
APPLY = jax.jit(from_float.apply, static_argnums=2)
TO_INT16 = jax.jit(encoder.to_int16)
STEP = jax.jit(encoder.encode_step, static_argnums=(1, 4))


def drawn(config: CodecConfig, seed: int = 0) -> tuple[from_float.FloatParams, Params]:
    """Parameters with biases, as those of a model that is trained."""
    params = INIT(jax.random.key(seed), config)
    rng = np.random.default_rng(seed)
    params = jax.tree.map(
        lambda a: np.asarray(a) + (0.03 * rng.normal(size=a.shape)).astype("f4") * (a.ndim == 1),
        params,
    )
    return params, from_float.to_integer(params, config)


def sounds(samples: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    square = np.where(np.arange(samples) % 150 < 75, 32767, -32768)
    loud = rng.integers(-(2**15), 2**15, samples)
    return {
        "speech": TO_INT16(make_speech(samples)),
        "noise": rng.normal(0, 300, samples).astype(np.int16),
        "silence": np.zeros(samples, np.int16),
        "almost": rng.integers(-1, 2, samples).astype(np.int16),
        "square": square.astype(np.int16),
        "constant": np.full(samples, -(2**15), np.int16),
        "random": loud.astype(np.int16),
        "clicks": np.where(rng.random(samples) < 0.01, loud, 0).astype(np.int16),
    }


def of_sounds(config: CodecConfig) -> tuple[Params, np.ndarray, np.ndarray]:
    """Parameters, a batch of eight sounds and their tokens."""
    params = drawn(config)[1]
    waves = np.stack(list(sounds(FRAMES * config.hop_length - 7).values()))
    return params, waves, np.stack([reference.encode(params, config, wave) for wave in waves])


@pytest.fixture(scope="module")
def case() -> tuple[Params, np.ndarray, np.ndarray]:
    return of_sounds(CONFIG)


@pytest.fixture(scope="module")
def small() -> tuple[Params, np.ndarray, np.ndarray]:
    return of_sounds(SMALL)


def test_tokens_are_16_bits_that_follow_the_sound(case):
    _, _, tokens = case
    assert tokens.dtype == np.uint16
    assert tokens.shape == (8, FRAMES)
    speech = tokens[0]
    assert len(set(speech.tolist())) > FRAMES // 2
    silence = tokens[2]
    assert len(set(silence.tolist())) == 1


@pytest.mark.parametrize("product", ["float32", "bfloat16", "int8"])
def test_each_product_gives_the_tokens_of_the_reference(case, product):
    params, waves, tokens = case
    found = ENCODE(params, CONFIG, waves, product)
    assert found.dtype == jnp.uint16
    np.testing.assert_array_equal(found, tokens)


@pytest.mark.parametrize("frames, batch", [(1, 4), (16, 1), (256, 4)])
def test_windows_of_any_length_give_the_same(small, frames, batch):
    params, waves, tokens = small
    left, right = SMALL.encoder_halo
    hop = SMALL.hop_length
    # Sounds after one another with silence between, as one long clip.
    gap = -(-(left + right) // hop) * hop
    wave = np.concatenate([np.pad(wave, (0, 7 + gap)) for wave in waves])
    starts = np.arange(0, len(wave), FRAMES * hop + gap) // hop
    wave = np.pad(wave, (left, right + 256 * hop))
    if frames > 1:
        begins = np.arange(0, starts[-1] + FRAMES, frames)
    else:
        begins = starts + np.arange(8)
    found = {}
    for at in range(0, len(begins), batch):
        chosen = np.resize(begins[at : at + batch], batch)
        cut = [wave[b * hop :][: left + frames * hop + right] for b in chosen]
        for begin, row in zip(chosen, WINDOW(params, SMALL, np.stack(cut), None), strict=True):
            found.update({begin + i: int(token) for i, token in enumerate(row)})
    compared = 0
    for start, row in zip(starts, tokens, strict=True):
        for i, token in enumerate(row):
            if start + i in found:
                assert found[start + i] == token
                compared += 1
    assert compared == (8 if frames == 1 else tokens.size)


def test_op_by_op_gives_the_same():
    params, wave = drawn(TINY)[1], sounds(800)["speech"]
    with jax.disable_jit():
        found = encoder.encode(jax.tree.map(jnp.asarray, params), TINY, jnp.asarray(wave)[None])
    np.testing.assert_array_equal(found[0], reference.encode(params, TINY, wave))


@pytest.mark.parametrize("precision", ["bfloat16", "tensorfloat32", "float32"])
def test_precision_of_products_makes_no_difference(precision):
    params, wave = drawn(TINY)[1], sounds(800)["speech"]
    with jax.default_matmul_precision(precision):
        found = ENCODE(params, TINY, wave[None], None)
    np.testing.assert_array_equal(found[0], reference.encode(params, TINY, wave))


def test_64_bits_strict_types_and_compilers_make_no_difference():
    params, wave = drawn(TINY)[1], sounds(800)["random"]
    expected = reference.encode(params, TINY, wave)
    with jax.enable_x64(True):
        found = ENCODE(params, TINY, jnp.asarray(wave)[None], None)
        np.testing.assert_array_equal(found[0], expected)
    with jax.numpy_dtype_promotion("strict"):
        found = ENCODE(params, TINY, jnp.asarray(wave)[None], None)
        np.testing.assert_array_equal(found[0], expected)
    lowered = ENCODE.lower(params, TINY, wave[None], None)
    for options in (
        {"xla_backend_optimization_level": "0"},
        {"xla_cpu_use_fusion_emitters": False},
    ):
        found = lowered.compile(options)(params, wave[None])
        np.testing.assert_array_equal(found[0], expected)


def test_eight_devices_give_the_same(case):
    params, waves, tokens = case
    mesh = Mesh(np.array(jax.devices()), ("clips",))
    waves = jax.device_put(waves, NamedSharding(mesh, PartitionSpec("clips")))
    np.testing.assert_array_equal(ENCODE(params, CONFIG, waves, None), tokens)


def extreme(config: CodecConfig, rng: np.random.Generator) -> Params:
    """Weights at the ends of their ranges, shifts and biases all over theirs."""

    def linear(inputs: int, outputs: int, limit: int) -> Linear:
        signs = rng.choice([-1, 1], outputs) if rng.random() < 0.5 else 1
        kernel = 127 * signs * rng.choice([-1, 0, 1], (inputs, outputs), p=[0.1, 0.1, 0.8])
        shift = rng.integers(0, 25, outputs)
        room = limit - 1 - 127 * np.abs(kernel).sum(axis=0) - ((1 << shift) >> 1)
        bias = (room * rng.choice([-1, -1e-3, 0, 1e-3, 1], outputs)).astype(np.int32)
        return Linear(kernel.astype(np.int8), bias, shift.astype(np.int32))

    def block(taps: int) -> Block:
        most = 32767 // taps
        weights = rng.integers(-most, most, (taps, config.encoder_dim), endpoint=True)
        room = 2**30 - 1 - 32767 * np.abs(weights).sum(axis=0)
        bias = (room * rng.choice([-1, 0, 1], config.encoder_dim)).astype(np.int32)
        wide = config.expansion * config.encoder_dim
        gelu = rng.integers(-127, 128, GELU).astype(np.int8)
        return Block(
            weights.astype(np.int32),
            bias,
            linear(config.encoder_dim, wide, 2**31),
            gelu,
            linear(wide, config.encoder_dim, 2**31 - 2**15),
        )

    return Params(
        linear(tables.features(config), config.encoder_dim, 2**30),
        tuple(block(config.kernel_size) for _ in range(config.encoder_depth)),
        linear(config.encoder_dim, config.bits, 2**31),
    )


class Watched(np.ndarray):
    """Whatever is computed from it must fit into int32."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [np.asarray(x) if isinstance(x, np.ndarray) else x for x in inputs]
        found = getattr(ufunc, method)(*plain, **options)
        if isinstance(found, np.ndarray) and found.dtype == np.int64 and found.size:
            assert -(2**31) <= found.min() <= found.max() < 2**31, ufunc
            found = found.view(Watched)
        return found


@given(seed=st.integers(0, 2**32), kind=st.sampled_from(sorted(sounds(1))))
def test_whatever_weights_pass_give_the_same_and_stay_within_32_bits(seed, kind):
    rng = np.random.default_rng(seed)
    params = extreme(TINY, rng)
    check_ranges(params, TINY)
    wave = np.roll(sounds(800)[kind], rng.integers(800))
    found = ENCODE(params, TINY, wave[None], None)
    expected = reference.encode(params, TINY, wave.astype(np.int64).view(Watched))
    np.testing.assert_array_equal(found[0], expected)


def spoilt(params: Params, path: str, value) -> Params:
    """With another array, or with another number at the first place of one."""
    layer, name = path.split("/")
    block = params.blocks[0]
    owner = block if layer == "block" else getattr(params, layer, getattr(block, layer, None))
    array = getattr(owner, name)
    if callable(value):
        array = value(array)
    else:
        array = array.copy()
        array.flat[0] = value
    owner = owner._replace(**{name: array})
    if layer.startswith("mlp"):
        owner = block._replace(**{layer: owner})
    if layer == "block" or layer.startswith("mlp"):
        return params._replace(blocks=(owner, *params.blocks[1:]))
    return params._replace(**{layer: owner})


@pytest.fixture(scope="module")
def sound() -> Params:
    return drawn(TINY)[1]


@pytest.mark.parametrize(
    "path, value, said",
    [
        ("front/kernel", -128, "front/kernel could reach 128, and must stay below 128"),
        ("head/kernel", -128, "head/kernel could reach 128"),
        ("mlp_in/kernel", -128, "blocks/0/mlp_in/kernel could reach 128"),
        ("block/gelu", -128, "blocks/0/gelu could reach 128"),
        ("block/taps", 32768, "blocks/0/taps could reach"),
        ("block/bias", 2**30, "blocks/0/taps could reach"),
        ("front/bias", 2**30, "front could reach"),
        ("mlp_in/bias", 2**31 - 1, "blocks/0/mlp_in could reach"),
        ("mlp_out/bias", 2**31 - 2**15, "blocks/0/mlp_out could reach"),
        ("head/bias", -(2**31), "head could reach"),
        ("mlp_out/shift", 25, "blocks/0/mlp_out/shift must lie in 0..24"),
        ("front/shift", -1, "front/shift must lie in 0..24"),
        ("head/bias", lambda a: a[:-1], r"head/bias must be int32 \(16,\), not int32 \(15,\)"),
        ("front/kernel", lambda a: a.T, r"front/kernel must be int8"),
        ("block/taps", lambda a: a.astype("i2"), "blocks/0/taps must be int32"),
        ("block/gelu", lambda a: a[:512], r"blocks/0/gelu must be int8 \(1024,\)"),
    ],
)
def test_a_model_that_could_leave_the_ranges_is_refused(sound, path, value, said):
    check_ranges(sound, TINY)
    with pytest.raises(ValueError, match=said):
        check_ranges(spoilt(sound, path, value), TINY)


def test_a_model_of_another_depth_is_refused(sound):
    with pytest.raises(ValueError, match="params hold 0 blocks, the config 1"):
        check_ranges(sound._replace(blocks=()), TINY)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"subframe_length": 25, "n_fft": 175, "short_n_fft": 0}, "subframe_length must be even"),
        ({"n_fft": 500}, "two of 8, 4 and 2 times subframe_length"),
        ({"short_n_fft": 600}, "two of 8, 4 and 2 times"),
        ({"encoder_dim": 2048}, "integer encoder: encoder_dim must lie in 1..1024"),
        ({"sample_rate": 24000}, "integer encoder: sample_rate must lie"),
        ({"subframe_length": 2, "n_fft": 4, "short_n_fft": 0}, "n_fft must lie"),
        ({"encoder_look_ahead": 13}, "encoder_look_ahead must be at most 12"),
        ({"encoder": "int"}, "encoder must be float or integer, not int"),
    ],
)
def test_a_config_that_cannot_be_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(preset("live-80hz"), **changes)


@pytest.mark.parametrize("product", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_accelerators_compute_no_floats_but_exact_products(platform, product):
    params = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), drawn(CONFIG)[1])
    wave = jax.ShapeDtypeStruct((2, 4000), jnp.int16)
    encode = jax.jit(partial(encoder.encode, config=CONFIG, product=product))
    lowered = jax.export.export(encode, platforms=[platform])(params, wave=wave)
    lines = str(lowered.mlir_module()).splitlines()
    ops = {
        match.group(1)
        for line in lines
        if re.search(r"[<x](f|bf|tf|c)\d", line)
        for match in [re.search(r"= \"?([a-z_]+\.?[a-z_]+)", line)]
        if match
    }
    assert ops == (set() if product == "int8" else {"stablehlo.dot_general", "stablehlo.convert"})
    assert sum("dot_general" in line for line in lines) >= 8
    assert not any("i64" in line and "dense" not in line and "array" not in line for line in lines)


def test_a_token_depends_on_no_sample_outside_of_its_halo():
    strong = jax.tree.map(lambda a: a * (8 if a.ndim == 2 else 1), drawn(CONFIG)[0])
    params = from_float.to_integer(strong, CONFIG)  # what comes from afar is not rounded away
    rng = np.random.default_rng(0)
    wave = rng.integers(-9999, 9999, 40 * 200).astype(np.int16)
    tokens = reference.encode(params, CONFIG, wave)
    left, right = CONFIG.encoder_halo
    assert (left, right) == (350 + 5 * 200, 350 + 3 * 200)
    middle = 20
    begin, end = middle * 200 - left, (middle + 1) * 200 + right
    outside = rng.integers(-9999, 9999, len(wave)).astype(np.int16)
    outside[begin:end] = wave[begin:end]
    assert reference.encode(params, CONFIG, outside)[middle] == tokens[middle]
    # The window is zero at its first sample, and small beside it and at its end.
    silence = np.zeros(end - begin, np.int64)
    for edge in (slice(1, 40), slice(-40, None)):
        heard = silence.copy()
        heard[edge] = rng.choice([-32768, 32767], len(heard[edge]))
        assert not np.array_equal(_latents(params, heard), _latents(params, silence))


def _latents(params: Params, wave: np.ndarray) -> np.ndarray:
    x = reference.features(wave, CONFIG)
    x = reference.clip(reference.norm(reference.linear(x, params.front), 10), 32767)
    for (left, _), block in zip(CONFIG.encoder_taps, params.blocks, strict=True):
        x = reference.residual(x, block, left)
    return reference.norm(x, 10)


@pytest.mark.parametrize("k", [1, 5])
def test_steps_of_a_stream_give_the_tokens_of_the_clip(small, k):
    params, waves, tokens = small
    hop = SMALL.hop_length
    right = SMALL.encoder_halo[1]
    total = -(-(stream.lead(SMALL) + waves.shape[1] + right) // (k * hop)) * k * hop
    fed = np.pad(waves, ((0, 0), (stream.lead(SMALL), total - stream.lead(SMALL) - waves.shape[1])))
    state = START(params, SMALL, len(waves), None)
    found = []
    for at in range(0, total, k * hop):
        shapes = jax.tree.map(lambda a: (a.shape, a.dtype), state)
        state, some = STEP(params, SMALL, state, fed[:, at : at + k * hop], None)
        assert jax.tree.map(lambda a: (a.shape, a.dtype), state) == shapes
        found.append(some)
        if at == 20 * k * hop:  # the third stream ends and begins anew
            first = START(params, SMALL, 1, None)
            state = jax.tree.map(lambda a, b: a.at[2].set(b[0]), state, first)
    found = np.concatenate(found, axis=1)[:, stream.encoder_delay(SMALL) :][:, :FRAMES]
    np.testing.assert_array_equal(found, tokens)
    # The last sample that the first token needs is the last one of the step that gives it.
    assert (stream.encoder_delay(SMALL) + 1) * hop == stream.lead(SMALL) + hop + right


def test_float_graph_gives_nearly_the_same_tokens_and_trains():
    differing = bits = 0
    for seed in range(2):
        params, integers = drawn(CONFIG, seed)
        waves = np.stack([make_speech(128 * CONFIG.hop_length, i) for i in range(4)])
        halo = CONFIG.encoder_halo
        latents = APPLY(params, np.pad(waves, ((0, 0), halo)), CONFIG)
        found = np.asarray(latents > 0)
        tokens = np.asarray(ENCODE(integers, CONFIG, TO_INT16(waves), None))
        truth = (tokens[..., None] >> np.arange(16)) & 1 == 1
        differing += np.any(found != truth, axis=-1).mean() / 2
        bits += truth.mean(axis=(0, 1)) / 2
    assert differing < 0.02
    assert 0.1 < bits.mean() < 0.9


@given(seed=st.integers(0, 2**31), front=st.floats(-9, 2), taps=st.floats(-9, 2))
def test_integers_are_trained_on_at_the_scale_of_drawn_weights(seed, front, taps):
    """Rates of learning are meant for it; what is normalised next has any scale as integers."""
    fresh = from_float.init(jax.random.key(seed), TINY)
    scaled = dict(fresh, front=jax.tree.map(lambda leaf: leaf * 2**front, fresh["front"]))
    scaled["blocks"] = [dict(block, taps=block["taps"] * 2**taps) for block in fresh["blocks"]]
    integers = from_float.to_integer(scaled, TINY)
    restored = from_float.from_integer(integers, TINY)
    again = from_float.to_integer(restored, TINY)
    assert all(map(np.array_equal, jax.tree.leaves(again), jax.tree.leaves(integers)))
    many = from_float.init(jax.random.key(0), CONFIG)  # whose size hardly hangs on the seed
    pairs = []  # less what is as fine as can be, and keeps its scale
    if front > -4:
        pairs.append((restored["front"]["kernel"], _rms(many["front"]["kernel"])))
    if taps > -1:
        wanted = _rms(np.stack([block["taps"] for block in many["blocks"]]))
        pairs += [(block["taps"], wanted) for block in restored["blocks"]]
    for found, wanted in pairs:  # a power of two is chosen, the nearest
        assert 0.65 < _rms(found) / wanted < 1.55


def _rms(values):
    return np.sqrt(np.mean(np.square(values)))


def test_every_parameter_of_the_float_graph_has_a_gradient():
    params = drawn(TINY)[0]
    wave = jnp.pad(make_speech(4000), TINY.encoder_halo)[None]

    @jax.jit
    def grad(params):
        return jax.grad(lambda p: jnp.sum(jnp.sin(from_float.apply(p, wave, TINY))))(params)

    for path, leaf in jax.tree_util.tree_leaves_with_path(grad(params)):
        assert np.isfinite(leaf).all(), path
        assert np.abs(leaf).max() > 1e-6, path


def test_logarithms_are_those_of_the_spectrum():
    wave = np.round(make_speech(8000) * 32768)[: 40 * 200].astype(np.int64)
    log = reference.log_power(*reference.spectrum(*reference.blocks(wave, CONFIG), 8, CONFIG))
    frames = np.lib.stride_tricks.sliding_window_view(wave, 800)[::100]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(800) / 800)
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    decibels = 10 * np.log10(power + 1)
    found = (log / 256 - 2 * np.log2(4 * tables.AMPLITUDE / 2**12)) * 10 * np.log10(2)
    clear = decibels > decibels.max() - 70
    assert clear.mean() > 0.3
    assert np.abs(found - decibels)[clear].max() < 0.5


def test_periodicity_finds_the_pitch_in_noise():
    config = preset("live-80hz")
    rng = np.random.default_rng(0)
    pitches = rng.uniform(70, 400, 60)
    t = np.arange(800) / 16000
    waves = []
    for pitch in pitches:
        wave = sum(
            np.cos(2 * np.pi * k * pitch * t + rng.uniform(0, 6)) / k**0.5
            for k in range(1, int(4000 / pitch))
        )
        wave = wave / wave.std() + 10 ** (-10 / 20) * rng.normal(size=800)
        waves.append(np.round(2000 * wave).astype(np.int64))
    found = []
    for wave in waves:
        log = reference.log_power(*reference.spectrum(*reference.blocks(wave, config), 8, config))
        found.append(reference.periodicity(log, config)[0].argmax())
    cents = 1200 * np.log2(config.pitch_min * 2 ** (np.array(found) * 15 / 1200) / pitches)
    assert np.mean(np.abs(cents) < 50) > 0.9


def test_tables_are_rounded_the_same_by_any_library(monkeypatch):
    seen = []

    def watched(values):
        seen.append(values)
        return np.floor(values + 0.5).astype(np.int32)

    monkeypatch.setattr(tables, "_rounded", watched)
    for config in (preset("live-80hz"), preset("live-100hz"), CONFIG):
        tables.twiddles.__wrapped__(config)
        tables.combs.__wrapped__(config)
    tables.falling.__wrapped__()
    assert len(seen) == 7
    for values in seen:
        assert np.abs(values % 1 - 0.5).min() > 1e-9


def test_float_audio_is_rounded_to_int16_at_the_door():
    wave = np.array([0, 1, -1, 2, 0.5 / 32768, 1.5 / 32768, np.float32(0.1)], np.float32)
    assert TO_INT16(wave).tolist() == [0, 32767, -32768, 32767, 0, 2, 3277]
