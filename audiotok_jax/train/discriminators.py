"""Discriminators of stage 2: waveforms folded by period, and spectra at several resolutions.

Multi-period (HiFi-GAN, Kong et al. 2020) and multi-resolution STFT (UnivNet, Jang et al. 2021),
with few channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec.spectral import frame, hann, magnitude

PERIODS = (2, 3, 5, 7, 11)
RESOLUTIONS = (256, 512, 1024)


class _Convolutions(nn.Module):
    """Strided 2-D convolutions; gives scores and the activations on the way to them."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    channels: tuple[int, ...]
    dtype: Any

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, list[Array]]:
        features = []
        for width in self.channels:
            conv = nn.WeightNorm(nn.Conv(width, self.kernel, self.strides, dtype=self.dtype))
            x = nn.leaky_relu(conv(x), 0.1)
            features.append(x.astype(jnp.float32))
        scores = nn.Conv(1, (3, 1), dtype=self.dtype)(x)
        return scores.astype(jnp.float32), features


class Discriminators(nn.Module):
    """Waveforms, float32 (B, S) -> one (scores, features) per discriminator."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, wave: Array) -> list[tuple[Array, list[Array]]]:
        results = []
        for period in PERIODS:
            folded = wave[:, : wave.shape[1] // period * period]
            folded = folded.reshape(wave.shape[0], -1, period, 1)
            net = _Convolutions((5, 1), (3, 1), (16, 32, 64, 128), self.dtype)
            results.append(net(folded))
        for length in RESOLUTIONS:
            hop = length // 4
            spectra = magnitude(
                frame(wave[:, : wave.shape[1] // hop * hop], length, hop), hann(length)
            )
            net = _Convolutions((3, 9), (1, 2), (16, 16, 32, 32), self.dtype)
            results.append(net(jnp.log(spectra + 1e-3)[..., None]))
        return results


def critic_loss(real: list, fake: list) -> Array:
    """Hinge loss of the discriminators."""
    return _mean(
        jnp.mean(jax.nn.relu(1 - of_real)) + jnp.mean(jax.nn.relu(1 + of_fake))
        for (of_real, _), (of_fake, _) in zip(real, fake, strict=True)
    )


def adversarial_loss(fake: list) -> Array:
    """Hinge loss of the decoder."""
    return _mean(-jnp.mean(scores) for scores, _ in fake)


def matching_loss(real: list, fake: list) -> Array:
    """Mean absolute difference of features, relative to their size in each example."""
    return _mean(
        jnp.mean(_per_example(theirs - ours) / (_per_example(theirs) + 1e-6))
        for (_, of_real), (_, of_fake) in zip(real, fake, strict=True)
        for theirs, ours in zip(of_real, of_fake, strict=True)
    )


def _per_example(features: Array) -> Array:
    return jnp.mean(jnp.abs(features), axis=tuple(range(1, features.ndim)))


def _mean(values: Iterable[Array]) -> Array:
    return jnp.mean(jnp.stack(list(values)))
