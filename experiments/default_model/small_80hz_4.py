"""How `small-80hz-4` was trained in stage 1, from the weights of `small-80hz-3`.

    audiotok train experiments/default_model/small_80hz_4.py --data ../shared/speech/train \
        --init small-80hz-3

The README beside this file says what came before.
"""

from audiotok_jax import preset
from audiotok_jax.data.augment import Augment
from audiotok_jax.train.config import Recipe, TrainConfig

# Drawn more often than by hours alone: Mandarin, and English by Mandarin speakers, which
# `small-80hz-3` was worst at.
WEIGHTS = (
    ("LibriSpeech-train-clean", 6.0),
    ("speechocean762", 7.0),
    ("AISHELL-1-sample", 5.0),
    ("kerstin", 1.0),
    ("picovoice-sti", 0.7),
    ("audio-cmn", 0.5),
    ("picovoice-ww", 0.4),
    ("precise-community", 0.4),
    ("pinyin-sound", 0.2),
)


def config() -> TrainConfig:
    """The run of stage 1."""
    return TrainConfig(
        out="runs/eleventh",
        codec=preset("small-80hz"),
        weights=WEIGHTS,
        augment=Augment(speed=0.35, noise=0.1, noise_data=("../shared/speech/noise",), band=0.05),
        recipe=Recipe(
            seed=11,
            steps=3500,
            batch_size=8,
            seconds=2.0,
            learning_rate=((0, 1e-4), (100, 8e-4), (500, 8e-4), (3500, 5e-6)),
            ema=0.998,
            precision="float32",
            entropy_weight=0.1,
            intelligibility_weight=16.0,
            disturbance_weight=0.3,
            timbre_weight=0.4,
        ),
    )
