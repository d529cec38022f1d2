"""`small-80hz-8` with a second window, trained on in stage 1; nothing that came of it ships.

    python experiments/default_model/grow.py small-80hz-8 --short-window 400 --out runs/before
    audiotok train experiments/default_model/two_windows.py --data ../shared/speech/train \
        --init runs/before

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
