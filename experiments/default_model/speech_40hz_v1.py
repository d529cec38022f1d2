"""Stage 1 of `speech-40hz-v1`: half the tokens of the default model.

    python experiments/default_model/half_rate.py small-80hz-6 --out runs/half
    python experiments/default_model/clean.py ../shared/speech/train --out runs/clean
    audiotok train experiments/default_model/speech_40hz_v1.py --data ../shared/speech/train \
        --init runs/half

The weights of `small-80hz-6` are in the repository up to commit 4b6b6d4.
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
    ("AISHELL-1-sample", 5.0),
    ("kerstin", 1.0),
    ("picovoice-sti", 0.7),
    ("audio-cmn", 0.5),
    ("picovoice-ww", 0.4),
    ("precise-community", 0.4),
    ("pinyin-sound", 0.2),
)


def config() -> TrainConfig:
    """The settings of the run; weights of losses rise, as its tokens are new."""
    return TrainConfig(
        targets="runs/clean",
        out="runs/forty",
        codec=preset("small-40hz"),
        weights=WEIGHTS,
        recipe=Recipe(
            steps=5000,
            batch_size=8,
            seconds=2.0,
            seed=40,
            learning_rate=((0, 2e-4), (200, 1e-3), (1600, 1e-3), (5000, 5e-6)),
            ema=0.998,
            losses=(
                MelLoss(),
                StftLoss(0.5),
                StoiLoss(((0, 8.0), (1000, 16.0))),
                PesqLoss(((0, 0.2), (1000, 0.4))),
                TimbreLoss(0.8),
                LevelLoss(0.5),
            ),
            entropy_weight=((0, 0.2), (1000, 0.1)),
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
