"""How `small-80hz-2` was trained: its last run, from the weights of those before it.

    audiotok train experiments/default_model/small_80hz_2.py --data ../shared/speech/train \
        --init runs/sixth/model

Each run began with the averaged weights of the one before, but for the second, which began with the
last ones of the first. The README beside this file has their steps, and the settings in which they
differ from this one.
"""

from audiotok_jax import preset
from audiotok_jax.data.augment import Augment
from audiotok_jax.train.config import Recipe, TrainConfig

# Drawn more often than by hours alone: Mandarin, and English by Mandarin speakers, which
# `small-80hz` was worst at.
WEIGHTS = (
    ("LibriSpeech-train-clean", 6.0),
    ("speechocean762", 5.0),
    ("AISHELL-1-sample", 4.0),
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
        out="runs/seventh",
        codec=preset("small-80hz"),
        weights=WEIGHTS,
        augment=Augment(speed=0.35, noise=0.1, noise_data=("../shared/speech/noise",), band=0.05),
        recipe=Recipe(
            seed=7,
            steps=4500,
            batch_size=8,
            seconds=2.0,
            learning_rate=((0, 1e-4), (100, 7e-4), (700, 7e-4), (4500, 5e-6)),
            ema=0.998,
            entropy_weight=0.1,
            intelligibility_weight=8.0,
            disturbance_weight=0.3,
            timbre_weight=0.4,
        ),
    )
