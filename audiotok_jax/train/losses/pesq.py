"""Audible disturbance after PESQ (ITU-T P.862)."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax.train.losses.bands import band_edges, critical_bands, powers
from audiotok_jax.train.losses.loss import Loss
from audiotok_jax.train.schedule import Schedule

# Of P.862: level of presentation in dB SPL, exponent of loudness, weight of the asymmetric part.
PRESENTATION_DB = 79.0
EXPONENT = 0.23
ASYMMETRIC = 0.309


@dataclasses.dataclass(frozen=True)
class PesqLoss(Loss):
    """Disturbance that PESQ hears between two sounds, in sones per Bark.

    As in the loss by Martin-Donas et al. 2018: both sounds at one level; the reference filtered
    to the mean spectrum of the decoded speech, and each decoded frame at the level of the
    reference's, so that level and linear filtering cost nothing; then the difference of loudness
    densities, less what is masked, with what was added counted again. Sums over time, which in
    PESQ stress the worst frames, are a plain mean here, and its tables are formulas.
    """

    name = "pesq_loss"
    weight: Schedule = 0.1

    def __call__(self, decoded: Array, reference: Array, rate: int, network: Any = None) -> Array:
        """See `Loss`."""
        bands = critical_bands(int(0.032 * rate) // 2 + 1, rate)
        quiet = _threshold(rate)[None, None]
        y, x = (_presented(sound, bands, rate) for sound in (decoded, reference))
        active = jnp.sum(x, axis=-1, keepdims=True) > 1e-3 * 10 ** (PRESENTATION_DB / 10)

        def spectrum(power: Array) -> Array:
            return jnp.sum(jnp.where(active, power, 0.0), axis=1, keepdims=True) + 1e3

        def audible(power: Array) -> Array:
            return jnp.sum(jnp.where(power > quiet, power, 0.0), axis=-1, keepdims=True) + 5e3

        x *= jnp.clip(spectrum(y) / spectrum(x), 1e-2, 1e2)
        y *= jnp.clip(audible(x) / audible(y), 3e-4, 5.0)

        def density(power: Array) -> Array:
            above = (0.5 + 0.5 * power / quiet) ** EXPONENT - 1
            return jnp.maximum(above, 0.0) * (quiet / 0.5) ** EXPONENT

        ours, theirs = density(y), density(x)
        apart = jnp.maximum(jnp.abs(ours - theirs) - 0.25 * jnp.minimum(ours, theirs), 0.0)
        # PESQ counts this from 3 on and up to 12; from 0 on, so that no rounding makes it jump.
        added = jnp.clip(((y + 50) / (x + 50)) ** 1.2 - 3, 0.0, 9.0) * (12 / 9)
        symmetric = jnp.sqrt(jnp.mean(apart**2, axis=-1) + 1e-9)
        return jnp.mean(symmetric + ASYMMETRIC * jnp.mean(added * apart, axis=-1), axis=1)


def _presented(wave: Array, bands: np.ndarray, sample_rate: int) -> Array:
    """Powers in critical bands, with the mean of the telephone band at the level of presentation.

    (B, S) -> (B, N, BARK_BANDS).
    """
    power = powers(wave, 0.032, 1, sample_rate)
    frequencies = np.linspace(0, sample_rate / 2, power.shape[-1])
    telephone = ((frequencies > 350) & (frequencies < 3250)).astype(np.float32)[None, None]
    level = jnp.mean(jnp.sum(power * telephone, axis=-1), axis=1)[:, None, None] + 1e-7
    return (power @ bands) * (10 ** (PRESENTATION_DB / 10) / level)


@functools.cache
def _threshold(sample_rate: int) -> np.ndarray:
    """Power at the threshold of hearing in each band (Terhardt 1979), re 0 dB SPL."""
    edges = band_edges(sample_rate)
    khz = 0.5 * (edges[1:] + edges[:-1]) / 1000
    db = 3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    return (10 ** (db / 10)).astype(np.float32)
