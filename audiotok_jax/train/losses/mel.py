"""Distance of log-mel spectra at several resolutions."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec.spectral import mel_filters
from audiotok_jax.train.losses.loss import Loss
from audiotok_jax.train.losses.spectra import FLOOR, magnitudes


@dataclasses.dataclass(frozen=True)
class MelLoss(Loss):
    """Mean absolute difference of log-mel spectra (natural logarithm).

    Attributes:
        scales: length of the window in samples and number of mel bands of each resolution; by
            default those of BigCodec (Xin et al. 2024).
    """

    name = "mel"
    scales: tuple[tuple[int, int], ...] = (
        (32, 5), (64, 10), (128, 20), (256, 40), (512, 80), (1024, 160), (2048, 320),
    )  # fmt: skip

    def check(self) -> None:
        """See `Loss`."""
        super().check()
        if not self.scales or any(n < 4 or n % 4 or bands < 1 for n, bands in self.scales):
            raise ValueError(
                f"scales must be (samples, bands), samples multiples of 4, not {self.scales}"
            )

    def __call__(self, decoded: Array, reference: Array, rate: int, network: Any = None) -> Array:
        """See `Loss`."""
        apart = []
        for length, bands in self.scales:
            filters = mel_filters(rate, length, bands)
            ours, theirs = (
                jnp.log(magnitudes(wave, length) @ filters + FLOOR) for wave in (decoded, reference)
            )
            apart.append(jnp.mean(jnp.abs(ours - theirs), axis=(1, 2)))
        return jnp.mean(jnp.stack(apart), axis=0)
