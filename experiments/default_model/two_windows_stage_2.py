"""How the decoder behind two windows was tuned in stage 2; the encoder is that of stage 1.

    audiotok train experiments/default_model/two_windows_stage_2.py --data ../shared/speech/train \
        --init runs/twenty_ninth/model

Needs the targets of `small_80hz_7_stage_2.py`. The README beside this file says what came of it.
"""

from pathlib import Path

from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig


def config() -> TrainConfig:
    """The stage 2 of `small-80hz-8` behind the encoder of this stage 1."""
    here = Path(__file__)
    return overrides.changed(
        overrides.load(here.with_name("small_80hz_8_stage_2.py")),
        {
            "out": "runs/thirtieth",
            "codec": overrides.load(here.with_name("two_windows.py")).codec,
            "recipe.seed": 30,
        },
    )
