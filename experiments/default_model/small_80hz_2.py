"""How `small-80hz-2` was trained: its last run, from the weights of a first one, FIRST.

    audiotok train experiments/default_model/small_80hz_2.py --data ../shared/speech/train \
        --init FIRST

The first one went from the weights of `small-80hz`, and was stopped at step 1,668:

    audiotok train experiments/default_model/small_80hz_2.py --data ../shared/speech/train \
        --init small-80hz --out runs/first \
        --set recipe.seed=0 recipe.steps=12000 augment.noise=0 augment.band=0 \
        recipe.intelligibility_weight=1 recipe.loudness_weight=0.5 \
        'recipe.learning_rate=((0, 0.0), (200, 5e-4), (6000, 5e-4), (12000, 1e-5))'

FIRST holds its last weights, not their moving average; they were taken out of the Orbax save.
"""

from audiotok_jax import preset
from audiotok_jax.data.augment import Augment
from audiotok_jax.train.config import Recipe, TrainConfig

# Drawn more often than by hours alone: Mandarin, and English by Mandarin speakers, which
# `small-80hz` was worst at.
WEIGHTS = (
    ("LibriSpeech-train-clean", 6.0),
    ("speechocean762", 4.0),
    ("AISHELL-1-sample", 3.0),
    ("kerstin", 1.0),
    ("picovoice-sti", 0.7),
    ("audio-cmn", 0.5),
    ("picovoice-ww", 0.4),
    ("precise-community", 0.4),
    ("pinyin-sound", 0.2),
)


def config() -> TrainConfig:
    """The last run."""
    return TrainConfig(
        out="runs/second",
        codec=preset("small-80hz"),
        weights=WEIGHTS,
        augment=Augment(noise=0.1, noise_data=("../shared/speech/noise",), band=0.05),
        recipe=Recipe(
            seed=1,
            steps=4000,
            learning_rate=((0, 1e-4), (100, 5e-4), (1200, 5e-4), (4000, 5e-6)),
            ema=0.998,
            entropy_weight=0.1,
            intelligibility_weight=2.0,
            loudness_weight=1.0,
        ),
    )
