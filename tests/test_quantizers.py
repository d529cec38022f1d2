"""What every quantizer keeps to, and what is known of the binary spherical one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiotok_jax.codec.quantizers.binary_spherical import BinarySpherical, normalize

pytestmark = pytest.mark.usefixtures("compiled_quickly")

QUANTIZERS = [BinarySpherical(16), BinarySpherical(5)]
BSQ = QUANTIZERS[0]


def latents(quantizer, shape=(4, 50), scale=1.0):
    return scale * jax.random.normal(jax.random.key(0), (*shape, quantizer.dim))


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_codes_to_train_with_are_those_of_the_tokens(quantizer):
    latent = latents(quantizer)
    tokens = quantizer.encode(latent)
    assert (tokens.shape, tokens.dtype) == ((4, 50), np.int32)
    codes = quantizer.decode(tokens)
    np.testing.assert_allclose(quantizer.quantize(latent), codes, atol=1e-6)
    np.testing.assert_array_equal(quantizer.encode(codes), tokens)
    assert not np.any(quantizer.decode(jnp.array([-1])))
    grad = jax.grad(lambda x: jnp.sum(codes * quantizer.quantize(x)))(latent)
    assert np.isfinite(grad).all() and np.any(grad)


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_statistics_of_a_batch_are_the_mean_of_those_of_its_parts(quantizer):
    latent = latents(quantizer)
    halves = [quantizer.statistics(half) for half in jnp.split(latent, 2)]
    mean = jax.tree.map(lambda *parts: sum(parts) / 2, *halves)
    whole = quantizer.statistics(latent)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), mean, whole)
    terms, told = quantizer.regularizer(latent, whole)
    assert all(value.shape == () for value in (*terms.values(), *told.values()))
    assert not terms.keys() & told.keys()


def test_bit_k_is_worth_two_to_the_k():
    latent = 2 * jnp.eye(16) - 1
    assert BSQ.encode(latent).tolist() == [1 << k for k in range(16)]


def test_tokens_and_corners_are_inverse_over_the_whole_codebook():
    tokens = jnp.arange(1 << 16, dtype=jnp.int32)
    corners = BSQ.decode(tokens)
    assert corners.shape == (1 << 16, 16)
    np.testing.assert_array_equal(np.abs(corners), np.float32(0.25))
    np.testing.assert_array_equal(BSQ.encode(corners), tokens)
    np.testing.assert_array_equal(BSQ.quantize(corners), corners)


def test_bits_go_wrong_near_zero_and_now_and_then_anywhere():
    latent = jnp.tile(jnp.array([0.0, 0.02, -0.1, 0.25, -0.9]), (100_000, 1))
    quantizer = BinarySpherical(5, steepness=10.0)
    draw = jax.random.uniform(jax.random.key(0), latent.shape)
    right = quantizer.quantize(latent)

    def shares(near: float, anywhere: float) -> np.ndarray:
        codes = quantizer.quantize(latent, draw, near, anywhere)
        return np.mean(codes * right < 0, axis=0)

    fall = 2 / (1 + np.exp(10.0 * np.abs(normalize(latent[0]))))
    np.testing.assert_allclose(shares(0.4, 0.0), 0.4 * fall, atol=5e-3)
    np.testing.assert_allclose(shares(0.0, 0.03), 0.03, atol=3e-3)
    np.testing.assert_allclose(shares(0.4, 0.03), 0.4 * fall + 0.03, atol=5e-3)
    assert not shares(0.0, 0.0).any()


@pytest.mark.parametrize("anywhere", [0.0, 0.3])
def test_the_gradient_passes_straight_through_to_the_sphere(anywhere):
    latent = latents(BSQ, (5,))
    draw = jax.random.uniform(jax.random.key(1), latent.shape)
    weights = jnp.arange(16.0)
    grad = jax.grad(lambda x: jnp.sum(weights * BSQ.quantize(x, draw, anywhere=anywhere)))(latent)
    expected = jax.grad(lambda x: jnp.sum(weights * normalize(x)))(latent)
    np.testing.assert_allclose(grad, expected, rtol=1e-5)


def entropies(latent):
    terms, told = BSQ.regularizer(latent, BSQ.statistics(latent))
    return terms["entropy"], (told["entropy_of_one"], told["entropy_of_all"])


@pytest.mark.parametrize(
    "latent",
    [
        np.zeros((2, 3, 16)),
        np.eye(16)[None],
        -np.eye(16)[None],
        np.full((2, 3, 16), 0.25),
        np.full((2, 3, 16), 1e6),
    ],
)
def test_entropies_and_their_gradients_are_finite(latent):
    grad, found = jax.jit(jax.grad(entropies, has_aux=True))(latent.astype(np.float32))
    assert np.isfinite(grad).all()
    assert all(-1e-5 <= entropy <= np.log(2) + 1e-5 for entropy in found)


def test_entropies_of_known_codes():
    _, (single, whole) = entropies(BSQ.decode(jnp.arange(1 << 16, dtype=jnp.int32))[None])
    chance = 1 / (1 + np.exp(BSQ.steepness / 4))
    expected = -chance * np.log(chance) - (1 - chance) * np.log(1 - chance)
    assert single == pytest.approx(expected, rel=1e-4)
    assert whole == pytest.approx(np.log(2), rel=1e-4)
    # Balanced bits that all say the same: two groups of 8 hold one bit each.
    _, (_, whole) = entropies(BSQ.decode(jnp.array([[0, 65535]])))
    assert whole == pytest.approx(0.5 * (np.log(2) + np.log(2) / 8 + expected), rel=1e-3)
