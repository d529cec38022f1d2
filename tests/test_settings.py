"""What a caller sets in JAX for code of his own changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType

from audiotok_jax import AudioTokenizer, pretrained
from audiotok_jax.codec import model
from audiotok_jax.codec.heads import noise
from audiotok_jax.settings import pinned
from audiotok_jax.train import state as states
from audiotok_jax.train import step
from audiotok_jax.train.config import Recipe

pytestmark = pytest.mark.usefixtures("compiled_quickly")

ALL_AT_ONCE = {
    "jax_enable_x64": True,
    "jax_default_prng_impl": "rbg",
    "jax_threefry_partitionable": False,
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
    "jax_default_matmul_precision": "bfloat16",
    "jax_transfer_guard": "disallow",
}
SETTINGS = [
    *[{name: value} for name, value in ALL_AT_ONCE.items()],
    ALL_AT_ONCE,
    {"jax_default_prng_impl": "unsafe_rbg"},
    {"jax_default_matmul_precision": "highest"},
    {"jax_transfer_guard": "disallow_explicit"},
    {"jax_random_seed_offset": 7},
    {"jax_debug_nans": True, "jax_debug_infs": True},
    {"jax_debug_key_reuse": True},
    {"jax_enable_checks": True},
    {"jax_log_compiles": True},
    {"jax_disable_jit": True},
]


@contextmanager
def configured(settings: dict) -> Iterator[None]:
    before = {name: getattr(jax.config, name) for name in settings}
    try:
        for name, value in settings.items():
            jax.config.update(name, value)
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def on_a_mesh(kind: AxisType):
    return jax.set_mesh(jax.make_mesh((2, 4), ("data", "rows"), axis_types=(kind, kind)))


def in_turn(function):
    """`function()` and what it gives under each of the settings, by name."""
    for settings in SETTINGS:
        with configured(settings):
            yield str(settings), function()
    for kind in AxisType.Auto, AxisType.Explicit:
        with on_a_mesh(kind):
            yield str(kind), function()
    with jax.default_device(jax.devices()[3]):
        yield "default device", function()


def assert_same(function) -> None:
    wanted = function()
    for name, found in in_turn(function):
        for one, other in zip(found, wanted, strict=True):
            assert one.dtype == other.dtype, name
            np.testing.assert_array_equal(one, other, err_msg=name)


def test_a_tokenizer_gives_the_same(tokenizer, speech):
    wave = speech(5000)

    def both():
        tokens = tokenizer.encode(wave, 16000)
        return tokens, tokenizer.decode(tokens), *tokenizer.decode_stream([tokens])

    assert_same(both)


def test_live_streams_give_the_same(tokenizer, speech):
    wave = speech(900)

    def both():
        coder, player = tokenizer.encoder_stream(16000), tokenizer.decoder_stream()
        tokens = np.concatenate([coder.push(wave), coder.flush()])
        return tokens, player.push(tokens), player.flush()

    assert_same(both)


def test_pure_functions_give_the_same(tiny, speech):
    config, params = tiny
    wave = jnp.asarray(speech(1000)[None])

    def both():
        tokens = model.encode(params, config, wave)
        return jax.device_get((tokens, model.decode(params, config, tokens)))

    assert_same(both)


@pytest.mark.parametrize(
    "set_by_caller",
    [lambda: configured(ALL_AT_ONCE), lambda: on_a_mesh(AxisType.Explicit)],
    ids=["all at once", "mesh"],
)
def test_pure_functions_in_a_program_of_the_caller_give_the_same(tiny, speech, set_by_caller):
    config, params = tiny
    params, wave = jax.device_put((params, speech(1000)[None]))  # else it is the caller who moves

    def both(params, wave):
        tokens = model.encode(params, config, wave)
        return tokens, model.decode(params, config, tokens)

    wanted = jax.device_get(jax.jit(both)(params, wave))
    with set_by_caller():
        found = jax.device_get(jax.jit(both)(params, wave))
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_allclose(found[1], wanted[1], atol=1e-6)


def test_what_is_wider_than_asked_for_is_taken(tiny, speech):
    config, params = tiny
    wave = speech(1000)[None]
    tokens = model.encode(params, config, wave)
    decoded = model.decode(params, config, tokens)
    with jax.enable_x64(True):
        wide = jnp.asarray(wave, jnp.float64)
        assert wide.dtype == jnp.float64
        np.testing.assert_array_equal(model.encode(params, config, wide), tokens)
        wide = jnp.asarray(tokens, jnp.int64)
        np.testing.assert_array_equal(model.decode(params, config, wide), decoded)


def test_fresh_parameters_are_the_same(tiny):
    config, _ = tiny
    init = jax.jit(model.init, static_argnums=1)
    key = jax.random.key(3)
    wanted = jax.tree.leaves(init(key, config))
    with configured(ALL_AT_ONCE):
        found = jax.tree.leaves(init(key, config))
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == jnp.float32
        np.testing.assert_array_equal(jax.device_get(one), jax.device_get(other))


def test_a_model_is_saved_and_loaded(tiny, tmp_path):
    config, params = tiny
    with configured(ALL_AT_ONCE), on_a_mesh(AxisType.Explicit):
        saved = pretrained.save(tmp_path, jax.device_get(params), config)
        assert AudioTokenizer.from_pretrained(tmp_path).model_id == saved


def test_noise_is_that_of_the_models_that_were_released(tiny):
    """Numbers of `jax.random` under the settings that models were trained with."""
    config, _ = tiny
    key = jax.random.key(0)
    for frame in (0, 7):
        wanted = jax.random.normal(jax.random.fold_in(key, frame), (config.hop_length,))
        found = noise.noise(jnp.array([frame], jnp.int32), 1, config)[0]
        np.testing.assert_array_equal(found, wanted)


def test_a_step_of_training_is_the_same_program(tiny):
    config, params = tiny
    recipe = Recipe(batch_size=2, seconds=0.25)
    wave = jax.ShapeDtypeStruct((2, states.crop_samples(config, recipe)), jnp.float32)
    row = jax.ShapeDtypeStruct((2,), jnp.int32)
    batch = states.Batch(wave, wave, wave, row, row)

    def program() -> str:
        state = jax.eval_shape(lambda params: step.create(params, config, recipe), params)
        update = jax.jit(step.update, static_argnums=(2, 3)).trace(state, batch, config, recipe)
        return str((update.jaxpr.in_avals, update.jaxpr.out_avals))

    wanted = program()
    with configured(ALL_AT_ONCE):
        assert program() == wanted


def test_the_package_promotes_neither_ranks_nor_dtypes():
    with pinned():
        with pytest.raises(ValueError, match="rank_promotion"):
            jnp.zeros((2, 3)) + jnp.zeros(3)
        with pytest.raises(ValueError, match="dtype_promotion"):
            jnp.zeros(3, jnp.int32) * jnp.zeros(3)
