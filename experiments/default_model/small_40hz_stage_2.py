"""How the decoder of `small-40hz` was tuned in stage 2; the encoder is that of stage 1.

    audiotok train experiments/default_model/small_40hz_stage_2.py --data ../shared/speech/train \
        --init runs/forty/model

The README beside this file says what came of it.
"""

from pathlib import Path

from audiotok_jax import preset
from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig


def config() -> TrainConfig:
    """The stage 2 of `small-80hz-7`, shorter, with the targets and noise of `small-40hz`."""
    base = overrides.load(Path(__file__).with_name("small_80hz_7_stage_2.py"))
    return overrides.changed(
        base,
        {
            "codec": preset("small-40hz"),
            "targets": "runs/clean",
            "out": "runs/forty_two",
            "weights": tuple((dict(base.weights) | {"speechocean762": 7.0}).items()),
            "recipe.seed": 41,
            "recipe.steps": 850,
            "recipe.learning_rate": ((0, 1e-4), (50, 3e-4), (250, 3e-4), (850, 5e-6)),
        },
    )
