"""How the decoder of `small-80hz-7` was tuned in stage 2; the encoder is that of stage 1.

    cp -r runs/clean runs/cleaner
    python experiments/default_model/clean.py ../shared/speech/train/speechocean762 \
        --out runs/cleaner/speechocean762 --passes 2 --kept 0.05
    audiotok train experiments/default_model/small_80hz_7_stage_2.py --data ../shared/speech/train \
        --init runs/nineteenth/model

The README beside this file says what came of it.
"""

from pathlib import Path

from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig


def config() -> TrainConfig:
    """The stage 2 of `small-80hz-6` with other targets, shares of stage 1, and a loss for level."""
    here = Path(__file__)
    return overrides.changed(
        overrides.load(here.with_name("small_80hz_6_stage_2.py")),
        {
            "targets": "runs/cleaner",
            "out": "runs/twentieth",
            "weights": overrides.load(here.with_name("small_80hz_7.py")).weights,
            "recipe.seed": 20,
            "recipe.steps": 3500,
            "recipe.learning_rate": ((0, 1e-4), (50, 3e-4), (800, 3e-4), (3500, 5e-6)),
            "recipe.adversarial_weight": ((0, 0.0), (100, 0.0), (200, 0.5)),
            "recipe.timbre_weight": 1.0,
            "recipe.level_weight": 0.5,
        },
    )
