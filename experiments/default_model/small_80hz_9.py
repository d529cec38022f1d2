"""How `small-80hz-9` was trained in stage 1: by a model that sees more than `small-80hz-8`.

    python experiments/default_model/grow.py small-80hz-8 --short-window 400 --out runs/two_windows
    audiotok train experiments/default_model/small_80hz_9.py --data ../shared/speech/train \
        --init runs/two_windows

Needs the targets of `small_80hz_7_stage_2.py`. The README beside this file says what came of it.
"""

import dataclasses
from pathlib import Path

from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig


def config() -> TrainConfig:
    """That of `small-80hz-8` with a second window."""
    before = overrides.load(Path(__file__).with_name("small_80hz_8.py"))
    return overrides.changed(
        before,
        {
            "out": "runs/twenty_ninth",
            "codec": dataclasses.replace(before.codec, short_n_fft=400),
            "recipe.seed": 29,
            "recipe.steps": 5000,
            "recipe.learning_rate": ((0, 1e-4), (100, 8e-4), (1000, 8e-4), (5000, 5e-6)),
        },
    )
