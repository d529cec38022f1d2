"""Runs `audiotok` with one part of codec or training exchanged, to find out what it is worth.

    python experiments/default_model/variants.py mel train --preset small-80hz --data DATA --out RUN
    python experiments/default_model/variants.py mel evaluate --codecs audiotok:RUN/model ...

Weights that were trained so belong to the variant alone. `search.py` compares with it.
"""

from __future__ import annotations

import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from audiotok_jax import cli
from audiotok_jax.codec import blocks, encoder
from audiotok_jax.codec.encoder import logs, of_tokens, spectra
from audiotok_jax.codec.pitch import periodicity
from audiotok_jax.codec.quantizers.binary_spherical import BinarySpherical, normalize
from audiotok_jax.codec.spectral import frame, hann, mel_filters
from audiotok_jax.config import CodecConfig
from audiotok_jax.train import losses

MELS = 100
HEADS = 4


class LocalAttention(nn.Module):
    """Attention over `size` frames, (B, T + size - 1, D) -> (B, T, D).

    Instead of the depthwise convolution of a block; each head has a bias for each of the frames
    (relative positions, Shaw et al. 2018; windows as in Longformer, Beltagy et al. 2020).
    """

    size: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        dim, cut = x.shape[-1], self.size // 2
        count = x.shape[-2] - self.size + 1
        query, key, value = jnp.split(
            blocks.Dense(3 * dim, jnp.bfloat16)(nn.LayerNorm(epsilon=1e-6)(x)), 3, axis=-1
        )
        bias = self.param("bias", nn.initializers.truncated_normal(0.5), (self.size, HEADS))

        def heads(x: Array) -> Array:
            return x.reshape(*x.shape[:-1], HEADS, dim // HEADS)

        query = heads(query)[:, cut : cut + count] * (dim // HEADS) ** -0.5
        keys, values = (
            [heads(x)[:, i : i + count] for i in range(self.size)] for x in (key, value)
        )
        scores = jnp.stack([jnp.sum(query * key, axis=-1) for key in keys]) + bias[:, None, None]
        weights = jax.nn.softmax(scores, axis=0)[..., None]
        mixed = sum(weight * value for weight, value in zip(weights, values, strict=True))
        return x[:, cut : cut + count] + blocks.Dense(dim, jnp.bfloat16)(
            jnp.asarray(mixed).reshape(*mixed.shape[:2], dim)
        )


def mel_features(wave: Array, config: CodecConfig) -> Array:
    """Log-magnitudes of `MELS` mel bands and periodicity."""
    magnitudes = spectra(wave, config.n_fft, config)
    bands = magnitudes @ mel_filters(config.sample_rate, config.n_fft, MELS)
    return of_tokens([logs(bands), periodicity(magnitudes**2, config)], config)


def magnitude_features(wave: Array, config: CodecConfig) -> Array:
    """Log-magnitudes alone."""
    return of_tokens([logs(spectra(wave, config.n_fft, config))], config)


def phase_features(wave: Array, config: CodecConfig) -> Array:
    """Log-magnitudes, periodicity, and how far each phase is ahead of the subframe before."""
    length, hop = config.n_fft, config.subframe_length
    # The halo has no subframe before its first one; that one's phases are those of a cut.
    early = jnp.pad(wave, ((0, 0), (hop, 0)))
    turning = jnp.fft.rfft(frame(early, length, hop) * hann(length))
    sizes = jnp.sqrt(turning.real**2 + turning.imag**2 + 1e-12)
    turned = turning[:, 1:] * jnp.conj(turning[:, :-1]) / (sizes[:, 1:] * sizes[:, :-1])
    sizes = sizes[:, 1:]
    parts = [logs(sizes), periodicity(sizes**2, config), turned.real, turned.imag]
    return of_tokens(parts, config)


def unquantized(_: BinarySpherical, latent: Array, *__: object) -> Array:
    """Latents as they are: of what all bits together say, none is lost."""
    return normalize(latent)


# Of each, a module, the name of what is exchanged in it, and what takes its place.
VARIANTS = {
    "attention": (blocks, "DepthwiseConv", LocalAttention),
    "mel": (encoder, "features", mel_features),
    "magnitude": (encoder, "features", magnitude_features),
    "phase": (encoder, "features", phase_features),
    "long_mels": (losses, "MEL_SCALES", ((512, 80), (1024, 160), (2048, 320))),
    "latents": (BinarySpherical, "quantize", unquantized),
    "one_mel": (losses, "MEL_SCALES", ((1024, 100),)),
}

# Processes that `audiotok evaluate` spawns run this file as `__mp_main__`, with the same arguments.
if __name__ in ("__main__", "__mp_main__"):
    try:
        setattr(*VARIANTS[sys.argv[1]])
    except (IndexError, KeyError):
        sys.exit(f"usage: variants.py {{{','.join(VARIANTS)}}} ARGUMENTS OF audiotok")

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[2:]))
