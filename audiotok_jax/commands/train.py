"""`audiotok train`: trains a model."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audiotok_jax import distributed
from audiotok_jax.config import preset
from audiotok_jax.train import overrides
from audiotok_jax.train.config import TrainConfig

# The options that are settings, too.
SETTINGS = {
    "data": "data",
    "out": "out",
    "resume": "resume",
    "init": "init",
    "stage": "recipe.stage",
    "steps": "recipe.steps",
    "batch_size": "recipe.batch_size",
    "seconds": "recipe.seconds",
    "learning_rate": "recipe.learning_rate",
    "precision": "recipe.precision",
    "seed": "recipe.seed",
    "minutes": "session.minutes",
    "save_minutes": "session.save_minutes",
    "eval_data": "session.eval_data",
    "profile": "session.profile",
}


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    given = vars(args)
    printed = "print_config" in given
    config = _config(given, complete=not printed)
    if printed:
        print("\n".join(overrides.lines(config)))
        return 0
    distributed.start(given.get("coordinator"), given.get("processes"), given.get("process"))
    from audiotok_jax.train import loop  # after the start, which must come before any use of JAX

    loop.train(config)
    return 0


def _config(given: Mapping[str, Any], complete: bool) -> TrainConfig:
    """The defaults, or what CONFIG says; then the options count, and then --set.

    Raises:
        ValueError: a setting is wrong, or, where all is to be `complete`, too little is said.
        OSError: there is no such file as CONFIG.
    """
    if "config" in given:
        config = overrides.load(Path(given["config"]))
    else:
        config = TrainConfig()
        missing = [f"--{name}" for name in ("preset", "data", "out") if name not in given]
        if complete and missing:
            raise ValueError(f"name {', '.join(missing)}, or a CONFIG that says all")
    if "preset" in given:
        config = dataclasses.replace(config, codec=preset(given["preset"]))
    values = {setting: given[name] for name, setting in SETTINGS.items() if name in given}
    if "data" in values:
        values["data"] = tuple(values["data"])
    return overrides.changed(config, values | overrides.parse(config, given.get("set", ())))
