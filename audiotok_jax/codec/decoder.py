"""Codes to waveform: a source-filter synthesizer whose controls a network predicts.

The network gives the fundamental frequency and, four times per filter window, the magnitudes of
two filters, one for a source of harmonics and one for noise (harmonic-plus-noise model, Serra and
Smith 1990; learnt, Engel et al. 2020, DDSP). A network that predicts the phases of a spectrum
has to keep them coherent from frame to frame, which takes long training; an oscillator is
coherent by construction.

Decoding has two phases. `prepare` is parallel over windows: it runs the network, and says how far
the window moves what the next one goes on from. `render` needs the sum of these over all windows
before, the `Carry`. Callers add carries up and hand `Parts` from one to the other; what is in them
is known here alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.codec import pitch_tracker
from audiotok_jax.codec.blocks import ConvNeXtStack, Dense
from audiotok_jax.codec.source import harmonics, noise, phase_advances, phase_steps
from audiotok_jax.codec.spectral import frame, hann, minimum_phase, overlap_add
from audiotok_jax.config import CodecConfig
from audiotok_jax.settings import pinned

PITCH_BLUR = 1.5
"""Blur of the pitch that is learnt, in steps of the frequency table."""


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
    """Codes with halo, (B, T + decoder_depth * (kernel_size - 1), dim) -> `Controls` of T."""

    config: CodecConfig
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, codes: Array) -> Controls:
        c = self.config
        x = Dense(c.decoder_dim, self.dtype)(codes)
        x = ConvNeXtStack(c.decoder_depth, c.kernel_size, c.expansion, self.dtype)(x)
        pitch = Dense(c.pitch_bins, self.dtype)(x)
        filters = Dense(
            2 * c.subframes * c.filter_bins, self.dtype, nn.initializers.constant(-5.0)
        )(x)
        # Bounded, so that no stray token can make the output overflow.
        filters = jnp.clip(filters, -14.0, 5.0)
        filters = filters.reshape(*x.shape[:2], c.subframes, 2, c.filter_bins)
        return Controls(pitch, filters[..., 0, :], filters[..., 1, :])


class Parts(NamedTuple):
    """What `render` plays: of T + 2 * control_halo frames.

    Attributes:
        controls: of the synthesizer; their `pitch` is not looked at.
        pitch: int32 (B, T + 2 * control_halo), indices of fundamental frequencies.
    """

    controls: Controls
    pitch: Array


class Carry(NamedTuple):
    """Where a window begins, or how far it moves that; adds up leaf by leaf, and exactly.

    Attributes:
        phase: uint32 (B,), of the fundamental at the first sample, a fraction of a cycle that
            wraps around.
        frame: int32 (B,), index in the clip of the first frame.
    """

    phase: Any
    frame: Any


def start(batch: int) -> Carry:
    """The carry at the start of clips, as NumPy arrays: zero."""
    return Carry(np.zeros(batch, np.uint32), np.zeros(batch, np.int32))


@pinned()
def prepare(
    params: Any, config: CodecConfig, codes: Array, dtype: Any = jnp.float32
) -> tuple[Parts, Carry]:
    """First phase of decoding a window given with its halo.

    Args:
        params: of `Decoder`.
        codes: float32 (B, T + 2 * decoder_halo, dim), of `quantizers`.
        dtype: of the factors of the large matrix products.

    Returns:
        What `render` needs, and what it moves the carry by.
    """
    controls = Decoder(config, dtype).apply({"params": params}, codes)
    pitch = jnp.argmax(controls.pitch, axis=-1).astype(jnp.int32)
    return Parts(controls, pitch), _advance(pitch, config)


@pinned()
def render(parts: Parts, carry: Carry, config: CodecConfig) -> Array:
    """Second phase of decoding a window: filters the two sources and adds them.

    Args:
        parts: of `prepare`.
        carry: `start` and the sum of what `prepare` gave for all windows before.

    Returns:
        float32 (B, T * hop_length).
    """
    controls, pitch = parts
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
        harmonics(steps, carry.phase - before, config), minimum_phase(logs(controls.harmonic))
    )
    hiss = noise(carry.frame - halo, frames + 2 * halo, config)
    wave = voiced + filtered(hiss, jnp.exp(logs(controls.noise)))
    # The squared windows of four overlapping frames add up to two.
    return wave[:, 3 * sub : -3 * sub] / 2


def reconstruct(
    params: Any, config: CodecConfig, codes: Array, speech: Array, first: Array, dtype: Any
) -> tuple[Array, Array]:
    """Decodes in training, where the original is at hand.

    A spectral loss has no useful gradient with regard to the fundamental frequency, so speech is
    rendered with that of the original (teacher forcing), and the network's is learnt by
    classification beside it.

    Args:
        params: of `Decoder`.
        codes: float32 (B, T, dim), of whole clips.
        speech: float32 (B, T * hop_length), what the pitch is found in.
        first: int32 (B,), index of the first frame; the noise source depends on it.
        dtype: of the factors of the large matrix products.

    Returns:
        float32 (B, T * hop_length), and the loss of the pitch, a scalar: the mean cross entropy
        against the blurred index, each frame weighted by how periodic it is.
    """
    outside = ((0, 0), (config.decoder_halo, config.decoder_halo), (0, 0))
    controls = Decoder(config, dtype).apply({"params": params}, jnp.pad(codes, outside))
    pitch, periodic = pitch_tracker.track(speech, config)
    halo = config.control_halo
    parts = Parts(controls, jnp.pad(pitch, ((0, 0), (halo, halo)), mode="edge"))
    wave = render(parts, Carry(jnp.zeros(len(codes), jnp.uint32), first), config)
    return wave, _pitch_loss(controls.pitch[:, halo:-halo], pitch, periodic)


def _pitch_loss(logits: Array, pitch: Array, periodic: Array) -> Array:
    steps = np.arange(logits.shape[-1])
    blur = np.exp(-0.5 * ((steps[:, None] - steps) / PITCH_BLUR) ** 2)
    target = jnp.asarray((blur / blur.sum(axis=1, keepdims=True)).astype(np.float32))[pitch]
    weight = jnp.clip((periodic - 0.3) / 0.4, 0.0, 1.0)
    cross = -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)
    return jnp.mean(weight * cross)


def _advance(pitch: Array, config: CodecConfig) -> Carry:
    """Of T frames in the middle of int32 (B, T + 2 * control_halo) indices."""
    gained = phase_advances(_inner_steps(pitch, config), config)
    halo = config.synthesis_halo
    phase = jnp.sum(gained[:, halo : gained.shape[1] - halo], axis=1, dtype=jnp.uint32)
    frames = pitch.shape[1] - 2 * config.control_halo
    return Carry(phase, jnp.full(len(pitch), frames, jnp.int32))


def _inner_steps(pitch: Array, config: CodecConfig) -> Array:
    # From synthesis_halo frames before the middle to as many after it, and the frame that the
    # last of these moves towards.
    return phase_steps(pitch[:, 1:], config)
