"""How `small-40hz` was trained in stage 1: half the tokens of the default model.

    python experiments/default_model/half_rate.py small-80hz-6 --out runs/half
    audiotok train experiments/default_model/small_40hz.py --data ../shared/speech/train \
        --init runs/half

`runs/clean` is that of small_80hz_7.py. The README beside this file says what came of it.
"""

from audiotok_jax import preset
from audiotok_jax.data.augment import Augment
from audiotok_jax.train.config import Recipe, TrainConfig

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
NOISE = ("../shared/speech/noise/speech-commands-bg", "../shared/speech/noise/openrct2-sfx")


def config() -> TrainConfig:
    """The run of stage 1. The noise is other noise than that of experiments/robustness."""
    return TrainConfig(
        targets="runs/clean",
        out="runs/forty",
        codec=preset("small-40hz"),
        weights=WEIGHTS,
        augment=Augment(speed=0.35, noise=0.3, noise_data=NOISE, snr_db=(5.0, 35.0), band=0.05),
        recipe=Recipe(
            seed=40,
            steps=5000,
            batch_size=8,
            seconds=2.0,
            learning_rate=((0, 2e-4), (200, 1e-3), (1600, 1e-3), (5000, 5e-6)),
            ema=0.998,
            entropy_weight=((0, 0.2), (1000, 0.1)),
            intelligibility_weight=((0, 8.0), (1000, 16.0)),
            disturbance_weight=((0, 0.2), (1000, 0.4)),
            timbre_weight=0.8,
            level_weight=0.5,
        ),
    )
