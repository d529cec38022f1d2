"""A source-filter synthesizer whose controls the decoder's network predicts.

The network gives the fundamental frequency and, four times per filter window, the magnitudes of
two filters, one for a source of harmonics and one for noise (harmonic-plus-noise model, Serra and
Smith 1990; learnt, Engel et al. 2020, DDSP). A network that predicts the phases of a spectrum
has to keep them coherent from frame to frame, which takes long training; an oscillator is
coherent by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.codec import pitch_tracker
from audiotok_jax.codec.blocks import Dense
from audiotok_jax.codec.heads.noise import noise
from audiotok_jax.codec.source import harmonics, phase_advances, phase_steps
from audiotok_jax.codec.spectral import frame, hann, minimum_phase, overlap_add
from audiotok_jax.config import CodecConfig

PITCH_BLUR = 1.5
"""Blur of the pitch that is learnt, in steps of the frequency table."""


class Controls(NamedTuple):
    """Synthesis parameters of T frames, predicted by the network.

    Attributes:
        pitch: float32 (B, T, pitch_bins), logits of the fundamental frequency of the frame
            `pitch_lead` frames later.
        harmonic: float32 (B, T, subframes, filter_bins), log-magnitude of the harmonics' filter.
        noise: float32 (B, T, subframes, filter_bins), log-magnitude of the noise's filter.
    """

    pitch: Array
    harmonic: Array
    noise: Array


class Parts(NamedTuple):
    """Input of `render`.

    Attributes:
        controls: of T + sum(control_halo) frames; their `pitch` is not used.
        pitch: int32 (B, T + 2 * pitch_halo), indices of fundamental frequencies.
    """

    controls: Controls
    pitch: Array


class Carry(NamedTuple):
    """State at the start of a window, or its increments by frames; sums are exact.

    Attributes:
        phase: uint32 (B,), of the fundamental at the first sample, a fraction of a cycle that
            wraps around.
        frame: int32 (B,), index in the clip of the first frame.
    """

    phase: Any
    frame: Any


@dataclass(frozen=True)
class SourceFilter:
    """A `heads.Head`: oscillator and noise through two filters per subframe."""

    config: CodecConfig

    def controls(self, x: Array, dtype: Any) -> Controls:
        """The last layers of the decoder: float32 (B, T, decoder_dim) to controls."""
        c = self.config
        pitch = Dense(c.pitch_bins, dtype, name="to_pitch")(x)
        size, quiet = 2 * c.subframes * c.filter_bins, nn.initializers.constant(-5.0)
        filters = Dense(size, dtype, quiet, name="to_filters")(x)
        # Bounded, so that no sequence of tokens can make the output overflow.
        filters = jnp.clip(filters, -14.0, 5.0)
        filters = filters.reshape(*x.shape[:2], c.subframes, 2, c.filter_bins)
        return Controls(pitch, filters[..., 0, :], filters[..., 1, :])

    def start(self, batch: int) -> Carry:
        """The carry at the start of clips, as NumPy arrays: zero."""
        return Carry(np.zeros(batch, np.uint32), np.zeros(batch, np.int32))

    def prepare(self, controls: Controls) -> tuple[Parts, Carry]:
        """Chooses the pitch, and computes the increments of phase and frame index by each frame."""
        c = self.config
        frames = controls.pitch.shape[1] - sum(c.control_halo)
        pitch = jnp.argmax(controls.pitch, axis=-1).astype(jnp.int32)
        pitch = pitch[:, : frames + 2 * c.pitch_halo]
        gained = phase_advances(self._inner_steps(pitch), c)
        halo = c.synthesis_halo
        phase = gained[:, halo : gained.shape[1] - halo]
        return Parts(controls, pitch), Carry(phase, jnp.ones(phase.shape, jnp.int32))

    def render(self, parts: Parts, carry: Carry) -> Array:
        """Filters the two sources and adds them: float32 (B, T * hop_length)."""
        c = self.config
        controls, pitch = parts
        halo, sub = c.synthesis_halo, c.subframe_length
        frames = pitch.shape[1] - 2 * c.pitch_halo
        steps = self._inner_steps(pitch)
        before = jnp.sum(phase_advances(steps, c)[:, :halo], axis=1, dtype=jnp.uint32)
        # Filter i acts on the window centred on the start of subframe i: one before the first
        # subframe and one after the last one reach into the samples returned.
        skip = c.control_halo[0] * c.subframes - 1
        count = frames * c.subframes + 3
        first = halo * c.subframes - 3
        window = np.sqrt(hann(c.filter_length))[None, None]

        def filtered(source: Array, response: Array) -> Array:
            source = source[:, first * sub : (first + count + 3) * sub]
            spectrum = jnp.fft.rfft(frame(source, c.filter_length, sub) * window)
            return overlap_add(jnp.fft.irfft(spectrum * response) * window, sub)

        def logs(control: Array) -> Array:
            return control.reshape(len(control), -1, c.filter_bins)[:, skip : skip + count]

        voiced = filtered(
            harmonics(steps, carry.phase - before, c), minimum_phase(logs(controls.harmonic))
        )
        hiss = noise(carry.frame - halo, frames + 2 * halo, c)
        wave = voiced + filtered(hiss, jnp.exp(logs(controls.noise)).astype(jnp.complex64))
        # The squared windows of four overlapping frames add up to two.
        return wave[:, 3 * sub : -3 * sub] / 2

    def teach(
        self, controls: Controls, speech: Array, keys: Array
    ) -> tuple[Array, dict[str, Array]]:
        """Renders in training, with the original as a further input.

        A spectral loss has no useful gradient with regard to the fundamental frequency, so speech
        is rendered with that of the original (teacher forcing), and the network's is learnt by
        classification: the loss "pitch" is the mean cross entropy against the blurred index, each
        frame weighted by how periodic it is. The noise source starts anywhere.
        """
        pitch, periodic = pitch_tracker.track(speech, self.config)
        halo = self.config.pitch_halo
        parts = Parts(controls, jnp.pad(pitch, ((0, 0), (halo, halo)), mode="edge"))
        first = jax.vmap(lambda key: jax.random.randint(key, (), 0, 1 << 20))(keys)
        wave = self.render(parts, Carry(jnp.zeros(len(pitch), jnp.uint32), first))
        logits = controls.pitch[:, halo : halo + pitch.shape[1]]
        return wave, {"pitch": _pitch_loss(logits, pitch, periodic)}

    def _inner_steps(self, pitch: Array) -> Array:
        # From synthesis_halo frames before the middle to as many after it, and the frame that the
        # last of these moves towards.
        return phase_steps(pitch[:, 1:], self.config)


def _pitch_loss(logits: Array, pitch: Array, periodic: Array) -> Array:
    steps = np.arange(logits.shape[-1])
    blur = np.exp(-0.5 * ((steps[:, None] - steps) / PITCH_BLUR) ** 2)
    target = jnp.asarray((blur / blur.sum(axis=1, keepdims=True)).astype(np.float32))[pitch]
    weight = jnp.clip((periodic - 0.3) / 0.4, 0.0, 1.0)
    cross = -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)
    return jnp.mean(weight * cross)
