"""Stage 2 of `speech-40hz-v2`: its decoder against discriminators; the encoder is that of stage 1.

    audiotok train experiments/default_model/speech_40hz_v2_stage_2.py \
        --data ../shared/speech/train.tsv --init runs/forty/a/model

Without added noise. The README beside this file says what came of it.
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
        out="runs/forty/b",
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
            stage=2,
            steps=480,
            batch_size=8,
            seconds=2.0,
            seed=44,
            ema=0.995,
            learning_rate=((0, 1e-4), (40, 3e-4), (150, 3e-4), (480, 5e-6)),
            losses=(
                MelLoss(),
                StftLoss(0.5),
                StoiLoss(10.0),
                PesqLoss(0.5),
                TimbreLoss(1.0),
                LevelLoss(0.5),
                TeacherLoss(3.0, seconds=1.0),
            ),
            adversarial_weight=((0, 0.0), (60, 0.0), (120, 0.3)),
            matching_weight=((0, 0.0), (60, 0.0), (120, 0.7)),
        ),
        augment=Augment(
            speed=0.6,
            speed_range=(0.8, 1.3),
            colour=0.4,
            band=0.05,
            gain=0.5,
        ),
    )
