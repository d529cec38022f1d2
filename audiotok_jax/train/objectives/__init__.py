"""Objectives of training, one file for each stage."""

from __future__ import annotations

from audiotok_jax.config import CodecConfig
from audiotok_jax.train.config import Recipe
from audiotok_jax.train.objectives.objective import Objective
from audiotok_jax.train.objectives.stage_1 import Stage1
from audiotok_jax.train.objectives.stage_2 import Stage2


def of(codec: CodecConfig, recipe: Recipe) -> Objective:
    """The objective of a recipe's stage."""
    return {1: Stage1, 2: Stage2}[recipe.stage](codec, recipe)
