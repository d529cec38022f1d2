"""The float encoder: a ConvNeXt network on log-magnitudes and periodicity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
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


class Network(nn.Module):
    """Waveform with halo, float32 (B, T * hop_length + sum(encoder_halo)) -> latent (B, T, dim).

    In a stream, where the past is given, the halo is only 2 * margin; see `ConvNeXtStack`.
    """

    config: CodecConfig
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, wave: Array, past: Any = None) -> tuple[Array, Any]:
        c = self.config
        x = Dense(c.encoder_dim, self.dtype, name="from_features")(features(wave, c))
        stack = ConvNeXtStack(c.encoder_taps, c.expansion, self.dtype, name="stack")
        x, past = stack(x, past)
        return Dense(quantizers.of(c).dim, name="to_latent")(x), past


@dataclass(frozen=True)
class FloatEncoder:
    """An `encoders.Encoder` whose parameters have one form, and are named as those of `Network`."""

    config: CodecConfig

    def init(self, key: Array) -> Any:
        samples = self.config.hop_length + sum(self.config.encoder_halo)
        wave = jnp.zeros((1, samples), jnp.float32)
        return Network(self.config).init(key, wave)["params"]

    def latent(self, params: Any, wave: Array, dtype: Any) -> Array:
        return Network(self.config, dtype).apply({"params": params}, wave)[0]

    def release(self, params: Any) -> Any:
        return params

    def restore(self, released: Any) -> Any:
        return released

    def shapes(self) -> Any:
        return jax.eval_shape(lambda: self.init(jax.random.key(0)))

    def from_names(self, tree: Mapping[str, Any]) -> Any:
        return tree

    def check(self, released: Any) -> None:
        """Does nothing: equal tokens are promised on one kind of device only."""

    def encode(self, released: Any, wave: Array, dtype: Any) -> Array:
        return quantizers.of(self.config).encode(self.latent(released, _floats(wave), dtype))

    def start(self, released: Any, batch: int) -> Any:
        silence = jnp.zeros((batch, sum(self.config.encoder_halo)), jnp.float32)
        _, past = Network(self.config).apply({"params": released}, silence)
        return silence[:, : 2 * self.config.margin], past

    def step(self, released: Any, past: Any, wave: Array, dtype: Any) -> tuple[Any, Array]:
        samples, before = past
        heard = jnp.concatenate([samples, _floats(wave)], axis=1)
        latent, after = Network(self.config, dtype).apply({"params": released}, heard, before)
        kept = heard[:, heard.shape[1] - 2 * self.config.margin :]
        return (kept, after), quantizers.of(self.config).encode(latent)


def _floats(wave: Array) -> Array:
    scale = np.float32(1 / 32768) if wave.dtype == jnp.int16 else np.float32(1)
    return wave.astype(jnp.float32) * scale
