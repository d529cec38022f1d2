"""Waveform to latent."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec import quantizers
from audiotok_jax.codec.blocks import ConvNeXtStack, Dense
from audiotok_jax.codec.pitch import periodicity
from audiotok_jax.codec.spectral import frame, hann, magnitude
from audiotok_jax.config import CodecConfig


def features(wave: Array, config: CodecConfig) -> Array:
    """Features of tokens: log-magnitudes and periodicity of their subframes.

    Periodicity saves the network from detecting harmonic combs in the spectrum. It is taken from
    the long window only, as the short one holds too few periods.

    Args:
        wave: float32 (B, T * hop_length + n_fft - subframe_length).

    Returns:
        float32 (B, T, subframes * D), about zero mean and unit variance on speech. D is
        n_fft // 2 + 1 + pitch_bins, and short_n_fft // 2 + 1 more if there is a second window.
    """
    long = spectra(wave, config.n_fft, config)
    parts = [logs(long), periodicity(long**2, config)]
    if config.short_n_fft:
        cut = (config.n_fft - config.short_n_fft) // 2
        middle = wave[:, cut : wave.shape[1] - cut]
        parts.append(logs(spectra(middle, config.short_n_fft, config)))
    return of_tokens(parts, config)


def spectra(wave: Array, n_fft: int, config: CodecConfig) -> Array:
    """Magnitudes of subframes, (B, T * hop_length + n_fft - subframe_length) -> (B, N, bins)."""
    return magnitude(frame(wave, n_fft, config.subframe_length), hann(n_fft))


def logs(magnitudes: Array) -> Array:
    """Log-magnitudes, scaled to about zero mean and unit variance on speech."""
    return (jnp.log(magnitudes + 1e-4) + 3.0) / 3.0


def of_tokens(parts: list[Array], config: CodecConfig) -> Array:
    """Concatenates features and stacks the subframes of each token: (B, T, subframes * D)."""
    both = jnp.concatenate(parts, axis=-1)
    return both.reshape(len(both), both.shape[1] // config.subframes, -1)


class Encoder(nn.Module):
    """Waveform with halo, float32 (B, T * hop_length + sum(encoder_halo)) -> latent (B, T, dim)."""

    config: CodecConfig
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, wave: Array) -> Array:
        c = self.config
        x = Dense(c.encoder_dim, self.dtype, name="from_features")(features(wave, c))
        stack = ConvNeXtStack(c.encoder_depth, c.kernel_size, c.expansion, self.dtype, name="stack")
        return Dense(quantizers.of(c).dim, name="to_latent")(stack(x))
