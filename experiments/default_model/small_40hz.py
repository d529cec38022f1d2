"""How `small-40hz` was trained in stage 1: half the tokens of the default model.

    python experiments/default_model/half_rate.py small-80hz-6 --out runs/half
    audiotok train experiments/default_model/small_40hz.py --data ../shared/speech/train \
        --init runs/half

`runs/clean` is that of small_80hz_7.py. The README beside this file says what came of it.
"""

from pathlib import Path

from audiotok_jax import preset
from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig


def config() -> TrainConfig:
    """That of `small-80hz-6`, with weights of losses that rise, as tokens are new."""
    base = overrides.load(Path(__file__).with_name("small_80hz_6.py"))
    return overrides.changed(
        base,
        {
            "codec": preset("small-40hz"),
            "out": "runs/forty",
            "augment.noise": 0.3,
            "recipe.seed": 40,
            "recipe.steps": 5000,
            "recipe.learning_rate": ((0, 2e-4), (200, 1e-3), (1600, 1e-3), (5000, 5e-6)),
            "recipe.entropy_weight": ((0, 0.2), (1000, 0.1)),
            "recipe.intelligibility_weight": ((0, 8.0), (1000, 16.0)),
            "recipe.disturbance_weight": ((0, 0.2), (1000, 0.4)),
            "recipe.level_weight": 0.5,
        },
    )
