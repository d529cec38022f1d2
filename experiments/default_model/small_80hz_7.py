"""How `small-80hz-7` was trained in stage 1: on from `small-80hz-6`.

    python experiments/default_model/clean.py ../shared/speech/train --out runs/clean
    audiotok train experiments/default_model/small_80hz_7.py --data ../shared/speech/train \
        --init small-80hz-6

The README beside this file says what came of it.
"""

from pathlib import Path

from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig

WEIGHTS = (
    ("LibriSpeech-train-clean", 6.0),
    ("speechocean762", 10.0),
    ("AISHELL-1-sample", 6.0),
    ("kerstin", 0.8),
    ("picovoice-sti", 0.5),
    ("audio-cmn", 0.5),
    ("picovoice-ww", 0.3),
    ("precise-community", 0.2),
    ("pinyin-sound", 0.2),
)


def config() -> TrainConfig:
    """That of `small-80hz-6` with more noise, and more of English by Mandarin speakers."""
    return overrides.changed(
        overrides.load(Path(__file__).with_name("small_80hz_6.py")),
        {
            "out": "runs/nineteenth",
            "weights": WEIGHTS,
            "augment.noise": 0.5,
            "recipe.seed": 19,
            "recipe.steps": 4400,
            "recipe.learning_rate": ((0, 1e-4), (100, 8e-4), (800, 8e-4), (4400, 5e-6)),
            "recipe.disturbance_weight": 0.5,
            "recipe.timbre_weight": 1.0,
            "recipe.level_weight": 0.0,
        },
    )
