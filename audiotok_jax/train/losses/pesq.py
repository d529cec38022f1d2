"""Perceptual disturbance, modelled on PESQ (ITU-T P.862)."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32

from audiotok_jax.train.losses.bands import band_edges, critical_bands, powers
from audiotok_jax.train.losses.loss import Loss, PerClip, Wave
from audiotok_jax.train.schedule import Schedule

# From P.862: presentation level in dB SPL, exponent of loudness, weight of the asymmetric part.
PRESENTATION_DB = 79.0
EXPONENT = 0.23
ASYMMETRIC = 0.309


@dataclasses.dataclass(frozen=True)
class PesqLoss(Loss):
    """Disturbance between two sounds as in PESQ, in sones per Bark.

    As in the loss of Martin-Donas et al. 2018: both sounds are normalised to one level, the
    reference is filtered to the mean spectrum of the decoded speech, and each decoded frame is
    scaled to the level of the reference, so that level and linear filtering do not count; then
    follows the difference of loudness densities, reduced by masking, with added components weighted
    twice. The aggregation over time, which in PESQ emphasises the worst frames, is a mean here, and
    tables are replaced by formulas.
    """

    name = "pesq_loss"
    weight: Schedule = 0.1

    def __call__(self, decoded: Wave, reference: Wave, rate: int, network: Any = None) -> PerClip:
        bands = critical_bands(int(0.032 * rate) // 2 + 1, rate)
        quiet = _threshold(rate)[None, None]
        y, x = (_presented(sound, bands, rate) for sound in (decoded, reference))
        active = jnp.sum(x, axis=-1, keepdims=True) > 1e-3 * 10 ** (PRESENTATION_DB / 10)

        def spectrum(power: Float32[Array, "B N bands"]) -> Float32[Array, "B 1 bands"]:
            return jnp.sum(jnp.where(active, power, 0.0), axis=1, keepdims=True) + 1e3

        def audible(power: Float32[Array, "B N bands"]) -> Float32[Array, "B N 1"]:
            return jnp.sum(jnp.where(power > quiet, power, 0.0), axis=-1, keepdims=True) + 5e3

        x *= jnp.clip(spectrum(y) / spectrum(x), 1e-2, 1e2)
        y *= jnp.clip(audible(x) / audible(y), 3e-4, 5.0)

        def density(power: Float32[Array, "B N bands"]) -> Float32[Array, "B N bands"]:
            above = (0.5 + 0.5 * power / quiet) ** EXPONENT - 1
            return jnp.maximum(above, 0.0) * (quiet / 0.5) ** EXPONENT

        ours, theirs = density(y), density(x)
        apart = jnp.maximum(jnp.abs(ours - theirs) - 0.25 * jnp.minimum(ours, theirs), 0.0)
        # PESQ counts ratios from 3 up to 12 and drops smaller ones; shifted to start at 0, the
        # factor is continuous.
        added = jnp.clip(((y + 50) / (x + 50)) ** 1.2 - 3, 0.0, 9.0) * (12 / 9)
        symmetric = jnp.sqrt(jnp.mean(apart**2, axis=-1) + 1e-9)
        return jnp.mean(symmetric + ASYMMETRIC * jnp.mean(added * apart, axis=-1), axis=1)


def _presented(
    wave: Float32[Array, "B S"], bands: Float32[np.ndarray, "bins bands"], sample_rate: int
) -> Float32[Array, "B N bands"]:
    """Powers in critical bands, scaled so that the telephone band has the presentation level."""
    power = powers(wave, 0.032, 1, sample_rate)
    frequencies = np.linspace(0, sample_rate / 2, power.shape[-1])
    telephone = ((frequencies > 350) & (frequencies < 3250)).astype(np.float32)[None, None]
    level = jnp.mean(jnp.sum(power * telephone, axis=-1), axis=1)[:, None, None] + 1e-7
    return (power @ bands) * (10 ** (PRESENTATION_DB / 10) / level)


@functools.cache
def _threshold(sample_rate: int) -> Float32[np.ndarray, " bands"]:
    """Power at the threshold of hearing in each band (Terhardt 1979), re 0 dB SPL."""
    edges = band_edges(sample_rate)
    khz = 0.5 * (edges[1:] + edges[:-1]) / 1000
    db = 3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    return (10 ** (db / 10)).astype(np.float32)
