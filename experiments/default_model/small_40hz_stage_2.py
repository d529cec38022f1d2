"""How the decoder of `small-40hz` was tuned in stage 2; the encoder is that of stage 1.

    audiotok train experiments/default_model/small_40hz_stage_2.py --data ../shared/speech/train \
        --init runs/forty/model

The README beside this file says what came of it.
"""

from audiotok_jax import preset
from audiotok_jax.data.augment import Augment
from audiotok_jax.train.config import Recipe, TrainConfig

WEIGHTS = (
    ("LibriSpeech-train-clean", 6.0),
    ("speechocean762", 7.0),
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
    """The run. The discriminators know clean speech; noise is heard by the encoder alone."""
    return TrainConfig(
        targets="runs/clean",
        out="runs/forty_two",
        codec=preset("small-40hz"),
        weights=WEIGHTS,
        augment=Augment(speed=0.35, noise=0.3, noise_data=NOISE, snr_db=(5.0, 35.0), band=0.05),
        recipe=Recipe(
            stage=2,
            seed=41,
            steps=850,
            batch_size=8,
            seconds=2.0,
            critic_seconds=1.0,
            adversarial_weight=((0, 0.0), (100, 0.0), (200, 0.5)),
            matching_weight=((0, 0.0), (100, 0.0), (200, 1.0)),
            learning_rate=((0, 1e-4), (50, 3e-4), (250, 3e-4), (850, 5e-6)),
            ema=0.995,
            intelligibility_weight=16.0,
            disturbance_weight=0.6,
            timbre_weight=1.0,
            level_weight=0.5,
        ),
    )
