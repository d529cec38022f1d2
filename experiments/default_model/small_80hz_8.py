"""How `small-80hz-8` was trained in stage 1: on from `small-80hz-7`.

    audiotok train experiments/default_model/small_80hz_8.py --data ../shared/speech/train \
        --init small-80hz-7

Needs the targets of `small_80hz_7_stage_2.py`. The README beside this file says what came of it.
"""

from pathlib import Path

from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig

WEIGHTS = (
    ("LibriSpeech-train-clean", 6.0),
    ("speechocean762", 10.0),
    ("AISHELL-1-sample", 10.0),
    ("kerstin", 0.8),
    ("picovoice-sti", 0.5),
    ("audio-cmn", 0.5),
    ("picovoice-ww", 0.3),
    ("precise-community", 0.2),
    ("pinyin-sound", 0.2),
)


def config() -> TrainConfig:
    """That of `small-80hz-7` with its targets of stage 2, its level, and more Mandarin."""
    return overrides.changed(
        overrides.load(Path(__file__).with_name("small_80hz_7.py")),
        {
            "targets": "runs/cleaner",
            "out": "runs/twenty_fourth",
            "weights": WEIGHTS,
            "recipe.seed": 24,
            "recipe.steps": 5000,
            "recipe.learning_rate": ((0, 1e-4), (100, 8e-4), (900, 8e-4), (5000, 5e-6)),
            "recipe.disturbance_weight": 0.6,
            "recipe.level_weight": 0.5,
        },
    )
