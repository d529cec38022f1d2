"""Stage 1 of `speech-80hz-v9`: `small-80hz-8` with a second window, towards the recordings.

    python experiments/default_model/grow.py small-80hz-8 --short-window 400 --out runs/v9/before
    audiotok train experiments/default_model/speech_80hz_v9.py --data ../shared/speech/train.tsv \
        --init runs/v9/before --out runs/v9/a --set recipe.losses.teacher.weight=0 recipe.seed=31 \
        'recipe.learning_rate=((0, 5e-5), (100, 6e-4))' recipe.steps=814
    audiotok train experiments/default_model/speech_80hz_v9.py --data ../shared/speech/train.tsv \
        --init runs/v9/a/model --out runs/v9/b --set recipe.losses.teacher.weight=2 \
        recipe.seed=32 'recipe.learning_rate=((0, 1e-4), (50, 6e-4))' recipe.steps=478
    audiotok train experiments/default_model/speech_80hz_v9.py --data ../shared/speech/train.tsv \
        --init runs/v9/b/model --out runs/v9/c --set recipe.losses.teacher.weight=2 \
        recipe.seed=33 recipe.ema=0.99 \
        'recipe.learning_rate=((0, 1e-4), (30, 5e-4), (80, 5e-4), (350, 5e-6))' recipe.steps=350
    audiotok train experiments/default_model/speech_80hz_v9.py --data ../shared/speech/train.tsv \
        --init runs/v9/c/model

The weights of `small-80hz-8` are at commit 4b6b6d4. The README beside this file says what came
of it.
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
    """That of the last of its four runs."""
    return TrainConfig(
        out="runs/v9/d",
        codec=CodecConfig(
            hop_length=200,
            subframe_length=100,
            encoder_dim=256,
            encoder_depth=7,
            decoder_dim=256,
            decoder_depth=11,
            short_n_fft=400,
        ),
        weights=WEIGHTS,
        recipe=Recipe(
            steps=1400,
            batch_size=8,
            seconds=2.0,
            seed=34,
            ema=0.995,
            learning_rate=((0, 1e-4), (60, 8e-4), (450, 8e-4), (1400, 5e-6)),
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
