"""Distance of magnitude spectra at several resolutions."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from audiotok_jax.train.losses.loss import Loss, PerClip, Wave
from audiotok_jax.train.losses.spectra import FLOOR, magnitudes
from audiotok_jax.train.schedule import Schedule


@dataclasses.dataclass(frozen=True)
class StftLoss(Loss):
    """Mean absolute difference of magnitude spectra, over the mean magnitude of the reference.

    Attributes:
        windows: length of the window in samples, of each resolution.
    """

    name = "stft"
    weight: Schedule = 0.5
    windows: tuple[int, ...] = (512, 1024, 2048)

    def check(self) -> None:
        super().check()
        if not self.windows or any(n < 4 or n % 4 for n in self.windows):
            raise ValueError(f"windows must be multiples of 4 samples, not {self.windows}")

    def __call__(self, decoded: Wave, reference: Wave, rate: int, network: Any = None) -> PerClip:
        apart = []
        for length in self.windows:
            ours, theirs = magnitudes(decoded, length), magnitudes(reference, length)
            scale = jnp.mean(theirs, axis=(1, 2)) + FLOOR
            apart.append(jnp.mean(jnp.abs(ours - theirs), axis=(1, 2)) / scale)
        return jnp.mean(jnp.stack(apart), axis=0)
