"""Difference of mean spectra."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from audiotok_jax.train.losses.bands import critical_bands, powers
from audiotok_jax.train.losses.loss import Loss, PerClip, Wave
from audiotok_jax.train.schedule import Schedule


@dataclasses.dataclass(frozen=True)
class TimbreLoss(Loss):
    """Mean absolute difference of the mean spectra in critical bands, in nepers.

    It measures the timbre of a voice; `PesqLoss` ignores linear filtering.
    """

    name = "timbre"
    weight: Schedule = 0.5

    def __call__(self, decoded: Wave, reference: Wave, rate: int, network: Any = None) -> PerClip:
        bands = critical_bands(int(0.032 * rate) // 2 + 1, rate)
        ours, theirs = (
            jnp.log(jnp.mean(powers(wave, 0.032, 1, rate) @ bands, axis=1) + 1e-8)
            for wave in (decoded, reference)
        )
        return jnp.mean(jnp.abs(ours - theirs), axis=-1) / 2
