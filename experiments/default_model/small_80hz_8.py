"""How `small-80hz-8` was trained in stage 1: by a deeper model than `small-80hz-7`.

    python experiments/default_model/grow.py runs/twenty_fourth/model \
        --encoder 7 --decoder 11 --out runs/deep
    audiotok train experiments/default_model/small_80hz_8.py --data ../shared/speech/train \
        --init runs/deep

Needs the targets of `small_80hz_7_stage_2.py`. The README beside this file says what came of it.
"""

import dataclasses
from pathlib import Path

from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig

WEIGHTS = (
    ("LibriSpeech-train-clean", 6.0),
    ("speechocean762", 9.0),
    ("AISHELL-1-sample", 7.0),
    ("kerstin", 0.8),
    ("picovoice-sti", 0.5),
    ("audio-cmn", 0.8),
    ("picovoice-ww", 0.3),
    ("precise-community", 0.2),
    ("pinyin-sound", 0.4),
)


def config() -> TrainConfig:
    """That of `small-80hz-7` with more blocks, and more voices made of those that there are."""
    before = overrides.load(Path(__file__).with_name("small_80hz_7.py"))
    return overrides.changed(
        before,
        {
            "targets": "runs/cleaner",
            "out": "runs/twenty_fifth",
            "codec": dataclasses.replace(before.codec, encoder_depth=7, decoder_depth=11),
            "weights": WEIGHTS,
            "augment.speed": 0.7,
            "augment.speed_range": (0.8, 1.4),
            "augment.colour": 0.5,
            "recipe.seed": 25,
            "recipe.steps": 3600,
            "recipe.learning_rate": ((0, 1e-4), (100, 8e-4), (700, 8e-4), (3600, 5e-6)),
            "recipe.disturbance_weight": 0.6,
            "recipe.level_weight": 0.5,
        },
    )
