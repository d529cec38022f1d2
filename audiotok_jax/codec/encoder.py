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

    The periodicity spares the network from having to find combs in the spectrum.

    Args:
        wave: float32 (B, T * hop_length + n_fft - subframe_length).

    Returns:
        float32 (B, T, subframes * (n_fft // 2 + 1 + pitch_bins)), about zero mean and unit
        variance on speech.
    """
    spectra = magnitude(frame(wave, config.n_fft, config.subframe_length), hann(config.n_fft))
    logs = (jnp.log(spectra + 1e-4) + 3.0) / 3.0
    both = jnp.concatenate([logs, periodicity(spectra**2, config)], axis=-1)
    return both.reshape(wave.shape[0], both.shape[1] // config.subframes, -1)


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
