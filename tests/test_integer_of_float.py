"""Integer encoders that begin as float ones, by experiments/default_model/integer.py."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiotok_jax import preset
from audiotok_jax.codec import encoders

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments" / "default_model"))

import integer  # noqa: E402

pytestmark = pytest.mark.usefixtures("compiled_quickly")


def test_most_bits_are_those_of_the_float_encoder(speech):
    config = dataclasses.replace(preset("tiny-80hz"), short_n_fft=400)
    params = jax.jit(encoders.of(config).init)(jax.random.key(1))
    rng = np.random.default_rng(0)
    # As after training: norms scale and shift, and what is small at first is not.
    params = jax.tree.map(
        lambda leaf: jnp.asarray(2 * leaf + 0.05 * rng.normal(size=leaf.shape), jnp.float32), params
    )
    samples = 80 * config.hop_length + sum(config.encoder_halo)
    wave = jnp.asarray(np.stack([speech(samples, seed) for seed in range(4)]))
    wanted = integer.TOKENS(params, config, wave)
    assert len(np.unique(wanted)) > 100
    student = integer.carried_over(params, config, wave)
    whole = dataclasses.replace(config, encoder="integer")
    released = encoders.of(whole).release(student)
    wrong = jax.lax.population_count(integer.TOKENS(released, whole, wave) ^ wanted)
    assert float(jnp.mean(wrong)) / config.bits < 0.1
    said = integer.differences(student, whole, [wave], [wanted])
    assert said.startswith(f"{100 * float(jnp.mean(wrong)) / config.bits:.2f} % of bits")
