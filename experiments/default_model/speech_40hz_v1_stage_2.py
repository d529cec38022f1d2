"""Stage 2 of `speech-40hz-v1`: its decoder is tuned; encoder and tokens are those of stage 1.

    audiotok train experiments/default_model/speech_40hz_v1_stage_2.py \
        --data ../shared/speech/train --init runs/forty/model

`runs/clean` is that of stage 1.
"""

from audiotok_jax import preset
from audiotok_jax.data.augment import Augment
from audiotok_jax.train.config import Recipe, TrainConfig
from audiotok_jax.train.losses.level import LevelLoss
from audiotok_jax.train.losses.mel import MelLoss
from audiotok_jax.train.losses.pesq import PesqLoss
from audiotok_jax.train.losses.stft import StftLoss
from audiotok_jax.train.losses.stoi import StoiLoss
from audiotok_jax.train.losses.timbre import TimbreLoss

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


def config() -> TrainConfig:
    """The settings of the run."""
    return TrainConfig(
        targets="runs/clean",
        out="runs/forty_two",
        codec=preset("small-40hz"),
        weights=WEIGHTS,
        recipe=Recipe(
            stage=2,
            steps=850,
            batch_size=8,
            seconds=2.0,
            seed=41,
            learning_rate=((0, 1e-4), (50, 3e-4), (250, 3e-4), (850, 5e-6)),
            ema=0.995,
            losses=(
                MelLoss(),
                StftLoss(0.5),
                StoiLoss(16.0),
                PesqLoss(0.6),
                TimbreLoss(1.0),
                LevelLoss(0.5),
            ),
            adversarial_weight=((0, 0.0), (100, 0.0), (200, 0.5)),
            matching_weight=((0, 0.0), (100, 0.0), (200, 1.0)),
        ),
        augment=Augment(
            speed=0.35,
            noise=0.3,
            noise_data=(
                "../shared/speech/noise/speech-commands-bg",
                "../shared/speech/noise/openrct2-sfx",
            ),
            snr_db=(5.0, 35.0),
            band=0.05,
        ),
    )
