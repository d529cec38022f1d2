"""Stage 1 of `speech-40hz-v2`: `speech-40hz-v1` deeper, of integers, with a teacher.

    python experiments/default_model/grow.py speech-40hz-v1 --encoder 7 --decoder 11 \
        --short-window 400 --out runs/forty/grown
    python experiments/default_model/integer.py runs/forty/grown \
        --data ../shared/speech/train.tsv --out runs/forty/before --steps 250 --rate 1e-3
    audiotok train experiments/default_model/speech_40hz_v2.py --data ../shared/speech/train.tsv \
        --init runs/forty/before

The README beside this file says what came of it.
"""

from audiotok_jax.config import CodecConfig
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
    """The settings of the run."""
    return TrainConfig(
        out="runs/forty/a",
        codec=CodecConfig(
            hop_length=400,
            subframe_length=100,
            encoder_dim=256,
            encoder_depth=7,
            decoder_dim=256,
            decoder_depth=11,
            short_n_fft=400,
            encoder="integer",
            noise="hash",
        ),
        weights=WEIGHTS,
        recipe=Recipe(
            steps=1600,
            batch_size=8,
            seconds=2.0,
            seed=43,
            ema=0.995,
            learning_rate=((0, 5e-5), (60, 6e-4), (700, 6e-4), (1600, 6e-6)),
            losses=(
                MelLoss(),
                StftLoss(0.5),
                StoiLoss(10.0),
                PesqLoss(0.5),
                TimbreLoss(1.0),
                LevelLoss(0.5),
                TeacherLoss(3.0, seconds=1.0),
            ),
            entropy_weight=0.1,
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
