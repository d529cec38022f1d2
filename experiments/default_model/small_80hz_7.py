"""How `small-80hz-7` was trained in stage 1: on from `small-80hz-6`.

    python experiments/default_model/clean.py ../shared/speech/train --out runs/clean
    audiotok train experiments/default_model/small_80hz_7.py --data ../shared/speech/train \
        --init small-80hz-6

The README beside this file says what came of it.
"""

from audiotok_jax import preset
from audiotok_jax.data.augment import Augment
from audiotok_jax.train.config import Recipe, TrainConfig

WEIGHTS = (
    ("LibriSpeech-train-clean", 6.0),
    ("speechocean762", 10.0),
    ("AISHELL-1-sample", 6.0),
    ("kerstin", 0.8),
    ("picovoice-sti", 0.5),
    ("audio-cmn", 0.5),
    ("picovoice-ww", 0.3),
    ("precise-community", 0.2),
    ("pinyin-sound", 0.2),
)
NOISE = ("../shared/speech/noise/speech-commands-bg", "../shared/speech/noise/openrct2-sfx")


def config() -> TrainConfig:
    """The run of stage 1. The noise is other noise than that of experiments/robustness."""
    return TrainConfig(
        targets="runs/clean",
        out="runs/nineteenth",
        codec=preset("small-80hz"),
        weights=WEIGHTS,
        augment=Augment(speed=0.35, noise=0.5, noise_data=NOISE, snr_db=(5.0, 35.0), band=0.05),
        recipe=Recipe(
            seed=19,
            steps=4400,
            batch_size=8,
            seconds=2.0,
            learning_rate=((0, 1e-4), (100, 8e-4), (800, 8e-4), (4400, 5e-6)),
            ema=0.998,
            entropy_weight=0.1,
            intelligibility_weight=16.0,
            disturbance_weight=0.5,
            timbre_weight=1.0,
            level_weight=0.0,
        ),
    )
