"""How `small-80hz` was trained, after a first run whose weights `--init` names.

    audiotok train experiments/default_model/small_80hz.py --data TRAIN --init runs/first/model

The code has changed since. The pitch loss is a mean over all frames, where it was one over the
periodic ones alone: 0.5 now weighs about as much as the 0.2 of that time.
"""

from audiotok_jax import preset
from audiotok_jax.train.config import Recipe, TrainConfig


def config() -> TrainConfig:
    """The second of the two runs."""
    return TrainConfig(
        out="runs/default",
        codec=preset("small-80hz"),
        recipe=Recipe(
            steps=9000,
            batch_size=12,
            seconds=1.0,
            learning_rate=None,
            warmup=500,
            precision="bfloat16",
            ema=0.999,
            stft_weight=0.5,
            pitch_weight=0.5,
            entropy_weight=((0, 0.3), (2000, 0.1)),
            intelligibility_weight=0.0,
            disturbance_weight=0.0,
            timbre_weight=0.0,
            balance_weight=0.0,
        ),
    )
