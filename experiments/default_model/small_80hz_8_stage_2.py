"""How the decoder of `small-80hz-8` was tuned in stage 2; the encoder is that of stage 1.

    audiotok train experiments/default_model/small_80hz_8_stage_2.py --data ../shared/speech/train \
        --init runs/twenty_fifth/model

Needs the targets of `small_80hz_7_stage_2.py`. The README beside this file says what came of it.
"""

from pathlib import Path

from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig


def config() -> TrainConfig:
    """The stage 2 of `small-80hz-7` with the blocks, shares and voices of this stage 1."""
    here = Path(__file__)
    first = overrides.load(here.with_name("small_80hz_8.py"))
    return overrides.changed(
        overrides.load(here.with_name("small_80hz_7_stage_2.py")),
        {
            "out": "runs/twenty_sixth",
            "codec": first.codec,
            "weights": first.weights,
            "augment.speed": 0.6,
            "augment.speed_range": first.augment.speed_range,
            "augment.colour": first.augment.colour,
            "recipe.seed": 26,
            "recipe.steps": 2700,
            "recipe.learning_rate": ((0, 1e-4), (50, 3e-4), (600, 3e-4), (2700, 5e-6)),
            "recipe.disturbance_weight": 0.9,
        },
    )
