"""Discriminators of stage 2: spectra at several resolutions, in overlapping bands of 2 kHz.

As multi-resolution and multi-band spectrogram discriminators (UnivNet, Jang et al. 2021; DAC, Kumar
et al. 2023), with convolutions over time alone, written as products of matrices, which a CPU is
faster at than at two-dimensional convolutions of few channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec.spectral import frame, hann, magnitude

BANDS = 7
WIDTH = 96
DILATIONS = (1, 1, 2, 2)


class _OfBands(nn.Module):
    """Magnitudes (B, N, bins) -> scores (B, BANDS, n) and the activations on the way to them.

    Bands share all but an offset. A score depends on 13 frames, n = N - 12.
    """

    dtype: Any

    @nn.compact
    def __call__(self, spectra: Array) -> tuple[Array, list[Array]]:
        logs = jnp.log(spectra + 1e-3)
        step = (spectra.shape[-1] - 1) // (BANDS + 1)
        x = jnp.stack([logs[..., i * step : (i + 2) * step] for i in range(BANDS)], axis=1)
        # Of about unit size, as speech at usual levels is.
        x = (x + 3) / 2.5
        offset = self.param("offset", nn.initializers.truncated_normal(0.02), (BANDS, 1, WIDTH))
        features: list[Array] = []
        for dilation in DILATIONS:
            count = x.shape[-2] - 2 * dilation
            taps = [x[..., i * dilation : i * dilation + count, :] for i in range(3)]
            dense = nn.WeightNorm(nn.Dense(WIDTH, dtype=self.dtype))
            x = dense(jnp.concatenate(taps, axis=-1)).astype(jnp.float32)
            x = nn.leaky_relu(x if features else x + offset[None], 0.1)
            features.append(x)
        return nn.Dense(1, dtype=self.dtype)(x)[..., 0].astype(jnp.float32), features


class Discriminators(nn.Module):
    """Waveforms, float32 (B, S) -> one (scores, features) per window.

    Attributes:
        windows: lengths of spectral windows in samples; S is `shortest(windows)` or more.
        dtype: of the factors of large matrix products.
    """

    windows: tuple[int, ...]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, wave: Array) -> list[tuple[Array, list[Array]]]:
        results = []
        for length in self.windows:
            hop = length // 4
            frames = frame(wave[:, : wave.shape[1] // hop * hop], length, hop)
            results.append(_OfBands(self.dtype)(magnitude(frames, hann(length))))
        return results


def shortest(windows: Sequence[int]) -> int:
    """Samples that are needed for a score of the longest window."""
    return 4 * max(windows)


def discriminator_loss(real: list, fake: list) -> Array:
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
