"""Reconstruction losses, and the forward pass that they are computed from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.codec import decoder, model
from audiotok_jax.codec.spectral import frame, hann, magnitude, mel_filters
from audiotok_jax.config import CodecConfig

# Windows and mel bands of the scales, as in BigCodec (Xin et al. 2024).
MEL_SCALES = ((32, 5), (64, 10), (128, 20), (256, 40), (512, 80), (1024, 160), (2048, 320))
STFT_SCALES = (512, 1024, 2048)
# Magnitude below which a band counts as silent: white noise at -80 dBFS.
FLOOR = 1e-4


class Forward(NamedTuple):
    """What one pass through the codec gives, for B clips of T frames.

    Attributes:
        wave: float32 (B, T * hop_length), the reconstruction.
        latent: float32 (B, T, dim), before quantization.
        terms: named loss terms of the decoder, scalars.
    """

    wave: Array
    latent: Array
    terms: dict[str, Array]


def forward(
    params: model.Params,
    config: CodecConfig,
    wave: Array,
    speech: Array,
    keys: Array,
    dtype: Any,
    quantize: Callable[[Array], Array],
) -> Forward:
    """Encodes, quantizes and decodes clips, as `encode` and `decode` do.

    What `decoder.reconstruct` takes from the original is the only difference.

    Args:
        wave: float32 (B, T * hop_length).
        speech: float32 (B, T * hop_length), `wave` without noise that was added.
        keys: (B,), of random numbers for the decoder.
        quantize: makes codes of latents.
    """
    latent = model.latent(params, config, jnp.pad(wave, ((0, 0), config.encoder_halo)), dtype)
    decoded, terms = decoder.reconstruct(
        params["decoder"], config, quantize(latent), speech, keys, dtype
    )
    return Forward(decoded, latent, terms)


def reconstruction(decoded: Array, wave: Array, sample_rate: int) -> tuple[Array, Array]:
    """Distances of spectra at several resolutions.

    Args:
        decoded, wave: float32 (B, S).

    Returns:
        The mean absolute difference of log-mel spectra (natural logarithm) over `MEL_SCALES`,
        and that of magnitude spectra over the mean magnitude, over `STFT_SCALES`.
    """
    mel, stft = [], []
    for length, bands in MEL_SCALES:
        ours, theirs = _spectra(decoded, length), _spectra(wave, length)
        filters = mel_filters(sample_rate, length, bands)
        difference = jnp.log(ours @ filters + FLOOR) - jnp.log(theirs @ filters + FLOOR)
        mel.append(jnp.mean(jnp.abs(difference)))
        if length in STFT_SCALES:
            scale = jnp.mean(theirs, axis=(1, 2)) + FLOOR
            stft.append(jnp.mean(jnp.mean(jnp.abs(ours - theirs), axis=(1, 2)) / scale))
    return jnp.mean(jnp.stack(mel)), jnp.mean(jnp.stack(stft))


def _spectra(wave: Array, length: int) -> Array:
    """Magnitudes of windows of unit energy: (B, S) -> (B, frames, length // 2 + 1)."""
    window = hann(length) / np.sqrt(np.sum(hann(length) ** 2))
    rest = -wave.shape[1] % (length // 4)
    padded = jnp.pad(wave, ((0, 0), (length // 2, length // 2 + rest)))
    return magnitude(frame(padded, length, length // 4), window)
