"""Stage 1 of the live codec at 80 Hz, from nothing: `--preset live-80hz`, towards the recordings.

    audiotok train experiments/default_model/live_80hz.py --data ../shared/speech/train.tsv

The README beside this file says what came of it.
"""

from audiotok_jax.config import preset
from audiotok_jax.data.augment import Augment
from audiotok_jax.train.config import Recipe, TrainConfig
from audiotok_jax.train.losses.level import LevelLoss
from audiotok_jax.train.losses.mel import MelLoss
from audiotok_jax.train.losses.pesq import PesqLoss
from audiotok_jax.train.losses.stft import StftLoss
from audiotok_jax.train.losses.stoi import StoiLoss
from audiotok_jax.train.losses.teacher import TeacherLoss
from audiotok_jax.train.losses.timbre import TimbreLoss

WEIGHTS = (
    ("LibriSpeech-train-clean", 7.0),
    ("speechocean762", 6.0),
    ("AISHELL-1-sample", 3.5),
    ("AISHELL-3-train", 0.5),
    ("Arabic-Speech-Commands", 0.8),
    ("Artikulate-courses", 1.5),
    ("Asterisk-core-sounds", 0.8),
    ("Curious-Learning", 1.2),
    ("EmoDB", 1.0),
    ("GCompris-voices", 0.8),
    ("RoboTutor-English", 0.2),
    ("RoboTutor-Swahili", 0.4),
    ("audio-cmn", 0.6),
    ("kerstin", 0.8),
    ("picovoice-sti", 0.9),
    ("picovoice-ww", 0.5),
    ("pinyin-sound", 0.2),
    ("precise-community", 0.5),
)


def config() -> TrainConfig:
    """Up to 90 hours of speech, over as many sessions and machines as it takes."""
    return TrainConfig(
        out="runs/live",
        codec=preset("live-80hz"),
        weights=WEIGHTS,
        recipe=Recipe(
            steps=20_000,
            batch_size=8,
            seconds=2.0,
            ema=0.998,
            learning_rate=((0, 0.0), (300, 1e-3), (14_000, 1e-3), (20_000, 1e-5)),
            losses=(
                MelLoss(),
                StftLoss(0.5),
                StoiLoss(10.0),
                PesqLoss(0.5),
                TimbreLoss(1.0),
                LevelLoss(0.5),
                TeacherLoss(2.0, seconds=1.0),
            ),
        ),
        augment=Augment(
            speed=0.6,
            speed_range=(0.8, 1.3),
            colour=0.4,
            noise=0.3,
            noise_data=(
                "../shared/speech/noise/speech-commands-bg",
                "../shared/speech/noise/openrct2-sfx",
            ),
            snr_db=(5.0, 35.0),
            band=0.05,
            gain=0.5,
        ),
    )
