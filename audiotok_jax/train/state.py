"""Input and output of a training step: the state of a run and a batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jax import Array
from jaxtyping import Int32

from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.train.config import Recipe


class State(NamedTuple):
    """The state of a run, except for the data iterator.

    Random numbers are functions of the seed of the recipe and `step`, so that no key is stored.

    Attributes:
        step: batches seen.
        skipped, skipped_in_a_row: batches skipped because their gradient was not finite: all of
            them, and those since the last good one.
        params, ema: parameters, and their moving average.
        optimizer: moments of all parameters in stage 1, of the decoder's in stage 2.
        discriminator, discriminator_optimizer: of all discriminators; empty in stage 1.
    """

    step: Int32[Array, ""]
    skipped: Int32[Array, ""]
    skipped_in_a_row: Int32[Array, ""]
    params: Params
    ema: Params
    optimizer: Any
    discriminator: Any
    discriminator_optimizer: Any


class Batch(NamedTuple):
    """Input of a step: arrays, or their shapes.

    Attributes:
        noisy: float32 (B, T * hop_length), input of the encoder.
        recording: float32 (B, T * hop_length), `noisy` without added noise.
        target: float32 (B, T * hop_length), desired output of the decoder.
        row: int32 (B,), index of the crop in the global batch, for random numbers.
        stop_request: int32 (B,), request of the process of the row; see `train.loop`.
    """

    noisy: Any
    recording: Any
    target: Any
    row: Any
    stop_request: Any


def crop_samples(codec: CodecConfig, recipe: Recipe) -> int:
    """Samples of a crop: whole frames, about `recipe.seconds`."""
    return max(1, int(np.round(recipe.seconds * codec.frame_rate))) * codec.hop_length
