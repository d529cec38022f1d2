"""The step is one function, however its batch and its state are cut over devices."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest

from audiotok_jax import parallel, pmap, preset
from audiotok_jax.codec import model
from audiotok_jax.train import loop, placement, step
from audiotok_jax.train.config import Recipe
from audiotok_jax.train.state import Batch, State, crop_samples

pytestmark = pytest.mark.usefixtures("compiled_quickly")

CODEC = preset("tiny-80hz")
ROWS = 8
STEPS = 10
# Small enough for the arrays of the tiny preset to be cut.
FSDP_SIZE = 256
# Exchanges between devices in the text of a compiled program.
COLLECTIVES = re.compile(
    r" (all-reduce|all-gather|all-to-all|reduce-scatter|collective-\w+)(?:-start)?\("
)

Trained = tuple[Any, list[dict]]
"""The last state, and the results of all steps, as NumPy arrays."""


def recipe(stage: int, accumulate: int = 1) -> Recipe:
    return Recipe(
        stage=stage, batch_size=ROWS, accumulate=accumulate, seconds=0.25,
        discriminator_seconds=0.1, discriminator_every=2, discriminator_windows=(256,),
        precision="float32",
    )  # fmt: skip


@cache
def create(stage: int) -> State:
    """State of step 0, as NumPy arrays."""
    state = jax.jit(lambda: step.create(model.init(jax.random.key(0), CODEC), CODEC, recipe(stage)))
    return jax.tree.map(np.asarray, state())


@pytest.fixture(scope="module")
def batches(speech) -> list[Batch]:
    samples = crop_samples(CODEC, recipe(1))
    numbers = np.arange(STEPS * ROWS).reshape(STEPS, ROWS)
    rows, stop_request = np.arange(ROWS, dtype=np.int32), np.zeros(ROWS, np.int32)
    waves = [np.stack([speech(samples, seed=seed) for seed in seeds]) for seeds in numbers]
    return [Batch(wave, wave, 0.5 * wave, rows, stop_request) for wave in waves]


def train(batches: list[Batch], recipe: Recipe, mesh: Any) -> Trained:
    """Takes steps with a state that is cut over the mesh."""
    state = create(recipe.stage)
    places = placement.infer_sharding(state, mesh, FSDP_SIZE)
    state = jax.device_put(state, places)
    shardings = (places, parallel.replicated(mesh))
    jitted = jax.jit(step.update, static_argnums=(2, 3, 4), out_shardings=shardings)
    first = parallel.shard(batches[0], mesh)
    update = jitted.lower(state, first, CODEC, recipe, mesh).compile()
    results = []
    for batch in batches:
        state, result = update(state, parallel.shard(batch, mesh))
        results.append(jax.tree.map(np.asarray, result))
    return jax.tree.map(np.asarray, state), results


@pytest.fixture(scope="module")
def alone(batches) -> Callable[[int], Trained]:
    """Tells what one device makes of a stage."""
    mesh = parallel.make_mesh(jax.devices()[:1])
    return cache(lambda stage: train(batches, recipe(stage), mesh))


def assert_same(found: Trained, expected: Trained) -> None:
    """Losses of all steps and all arrays of the last state agree to 1e-5."""
    for mine, theirs in zip(found[1], expected[1], strict=True):
        for name in theirs:
            np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-5, atol=1e-5, err_msg=name)
    leaves = zip(jax.tree.leaves(found[0]), jax.tree.leaves(expected[0]), strict=True)
    for mine, theirs in leaves:
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)


LAYOUTS = {
    "data=8": dict(fsdp=1, model=1),
    "fsdp=8": dict(fsdp=8, model=1),
    "data=2 fsdp=2 model=2": dict(fsdp=2, model=2),
}


@pytest.mark.parametrize(
    ("stage", "layout", "accumulate"),
    [
        (1, "data=2 fsdp=2 model=2", 2),  # all ways to cut at once
        (2, "fsdp=8", 1),
        pytest.param(1, "data=2 fsdp=2 model=2", 1, marks=pytest.mark.slow),
        pytest.param(1, "data=8", 1, marks=pytest.mark.slow),
        pytest.param(1, "fsdp=8", 1, marks=pytest.mark.slow),
        pytest.param(2, "data=8", 1, marks=pytest.mark.slow),
        pytest.param(2, "data=2 fsdp=2 model=2", 1, marks=pytest.mark.slow),
    ],
)
def test_ten_steps_are_the_same_on_any_mesh(batches, alone, stage, layout, accumulate):
    mesh = parallel.make_mesh(jax.devices(), **LAYOUTS[layout])
    assert_same(train(batches, recipe(stage, accumulate), mesh), alone(stage))


@pytest.mark.slow
@pytest.mark.parametrize("stage", [1, 2])
def test_parts_of_a_batch_give_the_step_of_the_whole(batches, alone, stage):
    mesh = parallel.make_mesh(jax.devices()[:2])
    assert_same(train(batches, recipe(stage, accumulate=4), mesh), alone(stage))


@pytest.mark.slow
def test_the_twin_by_pmap_does_the_same(batches, alone):
    """Ten steps; `tests/test_teachers.py` takes one."""
    state, results = create(1), []
    update = pmap.update_by_pmap(CODEC, recipe(1), jax.devices()[:2])
    for batch in batches:
        state, result = update(state, batch)
        results.append(jax.tree.map(np.asarray, result))
    assert_same((jax.tree.map(np.asarray, state), results), alone(1))


def test_the_compiled_step_donates_its_state_and_exchanges_gradients_alone(batches):
    """It is compiled ahead of time, so that it cannot be compiled again."""
    mesh = parallel.make_mesh(jax.devices())
    state = parallel.replicate(create(1), mesh)
    compiled = loop.trace_step(state, CODEC, recipe(1), mesh).lower().compile()
    assert set(COLLECTIVES.findall(compiled.as_text())) == {"all-reduce"}
    for batch in batches[:3]:
        before = jax.tree.leaves(state)
        state, _ = compiled(state, parallel.shard(batch, mesh), None)
        assert all(leaf.is_deleted() for leaf in before)
