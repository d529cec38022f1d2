"""Magnitude spectra for several losses."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32

from audiotok_jax.codec.spectral import frame, hann, magnitude

FLOOR = 1e-4
"""Magnitude below which a band counts as silent: white noise at -80 dBFS."""


def magnitudes(wave: Float32[Array, "B S"], length: int) -> Float32[Array, "B N {length}//2+1"]:
    """Magnitude spectra under a window of unit energy."""
    window = hann(length) / np.sqrt(np.sum(hann(length) ** 2))
    rest = -wave.shape[1] % (length // 4)
    padded = jnp.pad(wave, ((0, 0), (length // 2, length // 2 + rest)))
    return magnitude(frame(padded, length, length // 4), window)
