"""Waveform to latent."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec.blocks import ConvNeXtStack, Dense
from audiotok_jax.codec.pitch import periodicity
from audiotok_jax.codec.spectral import frame, hann, magnitude
from audiotok_jax.config import CodecConfig


def features(wave: Array, config: CodecConfig) -> Array:
    """What the front end sees of a token: log-magnitudes and periodicity of its subframes.

    The periodicity spares the network from having to find combs in the spectrum; it comes from the
    long window alone, as a short one holds too few periods.

    Args:
        wave: float32 (B, T * hop_length + n_fft - subframe_length).

    Returns:
        float32 (B, T, subframes * D), about zero mean and unit variance on speech. D is
        n_fft // 2 + 1 + pitch_bins, and short_n_fft // 2 + 1 more if there is a second window.
    """
    spectra = _spectra(wave, config.n_fft, config)
    parts = [_logs(spectra), periodicity(spectra**2, config)]
    if config.short_n_fft:
        cut = (config.n_fft - config.short_n_fft) // 2
        parts.append(
            _logs(_spectra(wave[:, cut : wave.shape[1] - cut], config.short_n_fft, config))
        )
    both = jnp.concatenate(parts, axis=-1)
    return both.reshape(wave.shape[0], both.shape[1] // config.subframes, -1)


def _spectra(wave: Array, n_fft: int, config: CodecConfig) -> Array:
    return magnitude(frame(wave, n_fft, config.subframe_length), hann(n_fft))


def _logs(spectra: Array) -> Array:
    return (jnp.log(spectra + 1e-4) + 3.0) / 3.0


class Encoder(nn.Module):
    """Waveform with halo, float32 (B, T * hop_length + 2 * encoder_halo) -> (B, T, bits)."""

    config: CodecConfig
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, wave: Array) -> Array:
        c = self.config
        x = Dense(c.encoder_dim, self.dtype)(features(wave, c))
        x = ConvNeXtStack(c.encoder_depth, c.kernel_size, c.expansion, self.dtype)(x)
        return Dense(c.bits)(x)
