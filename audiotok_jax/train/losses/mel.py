"""Distance of log-mel spectra at several resolutions."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax.numpy as jnp
import librosa
import numpy as np
from jaxtyping import Float32

from audiotok_jax.train.losses.loss import Loss, PerClip, Wave
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
        super().check()
        if not self.scales or any(n < 4 or n % 4 or bands < 1 for n, bands in self.scales):
            raise ValueError(
                f"scales must be (samples, bands), samples multiples of 4, not {self.scales}"
            )

    def __call__(self, decoded: Wave, reference: Wave, rate: int, network: Any = None) -> PerClip:
        apart = []
        for length, bands in self.scales:
            filters = _mel_filters(rate, length, bands)
            ours, theirs = (
                jnp.log(magnitudes(wave, length) @ filters + FLOOR) for wave in (decoded, reference)
            )
            apart.append(jnp.mean(jnp.abs(ours - theirs), axis=(1, 2)))
        return jnp.mean(jnp.stack(apart), axis=0)


@functools.cache
def _mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> Float32[np.ndarray, "bins mels"]:
    """Slaney mel filters of unit sum, for `n_fft // 2 + 1` bins.

    Filters narrower than one bin are left out, so that none is empty.
    """
    weights = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, norm=None)
    weights = weights[weights.sum(axis=1) > 0]
    return (weights / weights.sum(axis=1, keepdims=True)).T.astype(np.float32)
