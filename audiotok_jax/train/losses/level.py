"""Difference of levels."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from audiotok_jax.train.losses.loss import Loss, PerClip, Wave
from audiotok_jax.train.schedule import Schedule


@dataclasses.dataclass(frozen=True)
class LevelLoss(Loss):
    """Absolute difference of levels in nepers, almost 0 below -80 dBFS; `PesqLoss` ignores it."""

    name = "level"
    weight: Schedule = 0.5

    def __call__(self, decoded: Wave, reference: Wave, rate: int, network: Any = None) -> PerClip:
        ours, theirs = (
            jnp.log(jnp.mean(jnp.square(wave), axis=1) + 1e-8) for wave in (decoded, reference)
        )
        return jnp.abs(ours - theirs) / 2
