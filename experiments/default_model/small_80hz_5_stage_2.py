"""How the decoder of `small-80hz-5` was tuned in stage 2; the encoder is that of stage 1.

    audiotok train experiments/default_model/small_80hz_5_stage_2.py --data ../shared/speech/train \
        --init runs/thirteenth/model

The README beside this file says what came of it.
"""

from audiotok_jax import preset
from audiotok_jax.data.augment import Augment
from audiotok_jax.train.config import Recipe, TrainConfig

WEIGHTS = (
    ("LibriSpeech-train-clean", 6.0),
    ("speechocean762", 4.0),
    ("AISHELL-1-sample", 5.0),
    ("kerstin", 1.0),
    ("picovoice-sti", 0.5),
    ("audio-cmn", 0.5),
    ("picovoice-ww", 0.3),
    ("precise-community", 0.2),
    ("pinyin-sound", 0.2),
)


def config() -> TrainConfig:
    """The run. No noise is added: the discriminators are to know clean speech."""
    return TrainConfig(
        targets="runs/clean",
        out="runs/fourteenth",
        codec=preset("small-80hz"),
        weights=WEIGHTS,
        augment=Augment(speed=0.35, band=0.05),
        recipe=Recipe(
            stage=2,
            seed=14,
            steps=2600,
            batch_size=8,
            seconds=2.0,
            critic_seconds=1.0,
            adversarial_weight=((0, 0.0), (100, 0.0), (200, 0.3)),
            matching_weight=((0, 0.0), (100, 0.0), (200, 1.0)),
            learning_rate=((0, 1e-4), (50, 3e-4), (600, 3e-4), (2600, 5e-6)),
            ema=0.995,
            intelligibility_weight=18.0,
            disturbance_weight=0.5,
            timbre_weight=0.4,
        ),
    )
