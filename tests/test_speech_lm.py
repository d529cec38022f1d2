"""The language model of experiments/speech_lm: what it may look at, and that it learns."""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments" / "speech_lm"))

from model import BOS, LanguageModel, to_signs  # noqa: E402

pytestmark = pytest.mark.usefixtures("compiled_quickly")

BITS = 4


@pytest.fixture(scope="module")
def network() -> LanguageModel:
    return LanguageModel(length=12, bits=BITS, width=16, depth=1, heads=2, units=4)


@pytest.fixture(scope="module")
def params(network):
    return jax.jit(network.init)(jax.random.key(0), jnp.zeros((1, 13), jnp.int32))


def test_signs():
    assert to_signs(jnp.array([1 + 0b0101]), BITS).tolist() == [[1, -1, 1, -1]]


def test_cost_is_that_of_a_distribution(network, params):
    """Over all tokens that may come next, probabilities sum up to 1."""
    past = jnp.array([BOS, 3, 9, 16])
    rows = jnp.stack([jnp.append(past, token + 1) for token in range(2**BITS)])
    costs = network.apply(params, rows)[:, -1]
    np.testing.assert_allclose(jnp.sum(2.0**-costs), 1, rtol=1e-5)


def test_the_future_is_not_seen_and_starts_cost_nothing(network, params):
    ids = jax.random.randint(jax.random.key(1), (1, 13), 1, 2**BITS + 1).at[0, 5].set(BOS)
    costs = network.apply(params, ids)[0]
    other = network.apply(params, ids.at[0, 9:].set(1))[0]
    np.testing.assert_allclose(costs[:8], other[:8], rtol=1e-5)
    assert costs[4] == 0 and (costs[:4] > 0).all()


def test_it_learns_and_goes_on(network, params):
    """A sequence that repeats itself costs little in the end, and is drawn again."""
    pattern = np.array([1, 7, 12, 4])
    ids = jnp.asarray(np.tile(pattern, 4)[:13])[None]
    optimizer = optax.adam(1e-2)
    state = optimizer.init(params)

    @jax.jit
    def step(params, state):
        loss, slope = jax.value_and_grad(lambda p: network.apply(p, ids).mean())(params)
        change, state = optimizer.update(slope, state)
        return optax.apply_updates(params, change), state, loss

    for _ in range(300):
        params, state, loss = step(params, state)
    assert loss < 0.1
    known = jnp.zeros(12, jnp.int32).at[:4].set(ids[0, :4])
    drawn = network.apply(params, known, 4, jax.random.key(2), method="draw")
    assert int(drawn) == pattern[0]
