"""Discriminators of stage 2: spectra at several resolutions, in overlapping bands of 2 kHz.

As multi-resolution and multi-band spectrogram discriminators (UnivNet, Jang et al. 2021; DAC, Kumar
et al. 2023), but with convolutions over time only, written as matrix products, which are faster on
a CPU than two-dimensional convolutions with few channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32

from audiotok_jax.codec.spectral import frame, hann, magnitude

BANDS = 7
WIDTH = 96
DILATIONS = (1, 1, 2, 2)

Judgement = tuple[Float32[Array, "B bands M"], list[Float32[Array, "B bands _ width"]]]
"""Output of one discriminator: scores, large for real speech, and activations of its layers."""


class _BandScores(nn.Module):
    """Scores of the bands of a magnitude spectrum, and the activations of the layers before.

    Bands share all weights but an offset. A score depends on 13 frames.
    """

    dtype: Any

    @nn.compact
    def __call__(
        self, spectra: Float32[Array, "B N bins"]
    ) -> tuple[Float32[Array, "B bands N-12"], list[Array]]:
        logs = jnp.log(spectra + 1e-3)
        step = (spectra.shape[-1] - 1) // (BANDS + 1)
        x = jnp.stack([logs[..., i * step : (i + 2) * step] for i in range(BANDS)], axis=1)
        # Approximately normalised for speech at usual levels.
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
    """One discriminator per window: (scores, features) of waveforms.

    Attributes:
        windows: lengths of spectral windows in samples; S is `shortest(windows)` or more.
        dtype: of the factors of large matrix products.
    """

    windows: tuple[int, ...]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, wave: Float32[Array, "B S"]) -> list[Judgement]:
        results = []
        for length in self.windows:
            hop = length // 4
            frames = frame(wave[:, : wave.shape[1] // hop * hop], length, hop)
            results.append(_BandScores(self.dtype)(magnitude(frames, hann(length))))
        return results


def shortest(windows: Sequence[int]) -> int:
    """Shortest input in samples, which gives one score for the longest window."""
    return 4 * max(windows)


def discriminator_loss(real: Sequence[Judgement], fake: Sequence[Judgement]) -> Float32[Array, ""]:
    """Hinge loss of the discriminators."""
    return _mean(
        jnp.mean(jax.nn.relu(1 - of_real)) + jnp.mean(jax.nn.relu(1 + of_fake))
        for (of_real, _), (of_fake, _) in zip(real, fake, strict=True)
    )


def adversarial_loss(fake: Sequence[Judgement]) -> Float32[Array, ""]:
    """Hinge loss of the decoder."""
    return _mean(-jnp.mean(scores) for scores, _ in fake)


def matching_loss(real: Sequence[Judgement], fake: Sequence[Judgement]) -> Float32[Array, ""]:
    """Mean absolute difference of features, relative to their size in each example."""
    return _mean(
        jnp.mean(_per_example(theirs - ours) / (_per_example(theirs) + 1e-6))
        for (_, of_real), (_, of_fake) in zip(real, fake, strict=True)
        for theirs, ours in zip(of_real, of_fake, strict=True)
    )


def _per_example(features: Float32[Array, "B ..."]) -> Float32[Array, " B"]:
    return jnp.mean(jnp.abs(features), axis=tuple(range(1, features.ndim)))


def _mean(values: Iterable[Float32[Array, "*N"]]) -> Float32[Array, ""]:
    return jnp.mean(jnp.stack(list(values)))
