"""Quantized latent to waveform: a source-filter synthesizer whose controls a network predicts.

The network gives the fundamental frequency and, four times per filter window, the magnitudes of
two filters, one for a source of harmonics and one for noise (harmonic-plus-noise model, Serra and
Smith 1990; learnt, Engel et al. 2020, DDSP). A network that predicts the phases of a spectrum
has to keep them coherent from frame to frame, which takes long training; an oscillator is
coherent by construction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.codec.blocks import ConvNeXtStack, Dense
from audiotok_jax.codec.source import harmonics, noise, phase_advances, phase_steps
from audiotok_jax.codec.spectral import frame, hann, minimum_phase, overlap_add
from audiotok_jax.config import CodecConfig
from audiotok_jax.settings import pinned


class Controls(NamedTuple):
    """What the network says of T frames.

    Attributes:
        pitch: float32 (B, T, pitch_bins), logits of the fundamental frequency.
        harmonic: float32 (B, T, subframes, filter_bins), log-magnitude of the harmonics' filter.
        noise: float32 (B, T, subframes, filter_bins), log-magnitude of the noise's filter.
    """

    pitch: Array
    harmonic: Array
    noise: Array


class Decoder(nn.Module):
    """Latent with halo, (B, T + decoder_depth * (kernel_size - 1), bits) -> `Controls` of T."""

    config: CodecConfig
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, latent: Array) -> Controls:
        c = self.config
        x = Dense(c.decoder_dim, self.dtype)(latent)
        x = ConvNeXtStack(c.decoder_depth, c.kernel_size, c.expansion, self.dtype)(x)
        pitch = Dense(c.pitch_bins, self.dtype)(x)
        filters = Dense(
            2 * c.subframes * c.filter_bins, self.dtype, nn.initializers.constant(-5.0)
        )(x)
        # Bounded, so that no stray token can make the output overflow.
        filters = jnp.clip(filters, -14.0, 5.0)
        filters = filters.reshape(*x.shape[:2], c.subframes, 2, c.filter_bins)
        return Controls(pitch, filters[..., 0, :], filters[..., 1, :])


def pick_pitch(logits: Array) -> Array:
    """The likeliest fundamental frequency: (B, T, pitch_bins) -> int32 (B, T)."""
    return jnp.argmax(logits, axis=-1).astype(jnp.int32)


def phase_advance(pitch: Array, config: CodecConfig) -> Array:
    """Phase that the fundamental gains over the T frames in the middle.

    Args:
        pitch: int32 (B, T + 2 * control_halo), indices of fundamental frequencies.

    Returns:
        uint32 (B,), what the next window's `phase` is ahead of this one's.
    """
    gained = phase_advances(_inner_steps(pitch, config), config)
    halo = config.synthesis_halo
    return jnp.sum(gained[:, halo : gained.shape[1] - halo], axis=1, dtype=jnp.uint32)


def _inner_steps(pitch: Array, config: CodecConfig) -> Array:
    # From synthesis_halo frames before the middle to as many after it, and the frame that the
    # last of these moves towards.
    return phase_steps(pitch[:, 1:], config)


@pinned()
def synthesize(
    controls: Controls, pitch: Array, phase: Array, start: Array, config: CodecConfig
) -> Array:
    """Filters the two sources and adds them.

    Args:
        controls: of T + 2 * control_halo frames; `controls.pitch` is not looked at.
        pitch: int32 (B, T + 2 * control_halo), indices of fundamental frequencies.
        phase: uint32 (B,), phase of the fundamental at the first sample to be returned.
        start: int32 (B,), index in the clip of the first frame to be returned.

    Returns:
        float32 (B, T * hop_length).
    """
    halo, sub = config.synthesis_halo, config.subframe_length
    frames = pitch.shape[1] - 2 * config.control_halo
    steps = _inner_steps(pitch, config)
    before = jnp.sum(phase_advances(steps, config)[:, :halo], axis=1, dtype=jnp.uint32)
    # Filter i acts on the window centred on the start of subframe i: one before the first
    # subframe and one after the last one reach into the samples returned.
    skip = config.control_halo * config.subframes - 1
    count = frames * config.subframes + 3
    first = halo * config.subframes - 3
    window = np.sqrt(hann(config.filter_length))

    def filtered(source: Array, response: Array) -> Array:
        source = source[:, first * sub : (first + count + 3) * sub]
        spectrum = jnp.fft.rfft(frame(source, config.filter_length, sub) * window)
        return overlap_add(jnp.fft.irfft(spectrum * response) * window, sub)

    def logs(control: Array) -> Array:
        return control.reshape(len(control), -1, config.filter_bins)[:, skip : skip + count]

    voiced = filtered(
        harmonics(steps, phase - before, config), minimum_phase(logs(controls.harmonic))
    )
    hiss = noise(start - halo, frames + 2 * halo, config)
    wave = voiced + filtered(hiss, jnp.exp(logs(controls.noise)))
    # The squared windows of four overlapping frames add up to two.
    return wave[:, 3 * sub : -3 * sub] / 2
