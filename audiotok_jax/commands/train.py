"""Train a model.

Trains a model, or continues a run that stopped. --set changes settings that have no option of their
own. In order of precedence, lowest first: defaults, CONFIG, options, --set.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotok_jax.commands import _options as options

if TYPE_CHECKING:
    from audiotok_jax.train.config import TrainConfig

EXAMPLES = (
    "audiotok train --preset small-50hz --data corpus/ --out runs/a --minutes 30",
    "audiotok train --preset small-50hz --data corpus/ --out runs/a --minutes 30 --resume",
    "audiotok train experiments/a/config.py --data corpus/ --set recipe.ema=0.9999",
    "audiotok train experiments/a/config.py --print-config",
)

# Options, and the settings that they change.
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    # Options that are not given are absent, so that TrainConfig alone holds the defaults.
    parser.argument_default = argparse.SUPPRESS
    parser.add_argument(
        "config",
        nargs="?",
        metavar="CONFIG",
        help="a Python file with a function config() that returns a TrainConfig; without one, "
        "--preset, --data and --out are needed",
    )
    parser.add_argument("--preset", metavar="NAME", help="of the codec; see `audiotok info`")
    parser.add_argument("--data", type=options.path, nargs="+", metavar="DATA", help=options.CLIPS)
    parser.add_argument("--out", type=options.path, metavar="RUN", help="folder of the run")
    parser.add_argument("--minutes", type=float, metavar="M", help="stop after this time")
    parser.add_argument("--steps", type=int, metavar="N", help="stop after this many steps")
    parser.add_argument("--resume", action="store_true", help="continue from the last save in RUN")
    parser.add_argument(
        "--init", type=options.path, metavar="WEIGHTS", help="start from this model"
    )
    parser.add_argument(
        "--stage", type=int, choices=(1, 2), help="1: everything; 2: the decoder, adversarially"
    )
    parser.add_argument("--batch-size", type=int, metavar="N", help="clips per step")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of a clip")
    parser.add_argument("--learning-rate", type=float, metavar="LR", help="peak learning rate")
    parser.add_argument(
        "--precision", choices=("bfloat16", "float32"), help="of the large matrix products"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of all random numbers")
    parser.add_argument("--save-minutes", type=float, metavar="M", help="time between saves")
    parser.add_argument(
        "--eval-data", type=options.path, metavar="DATA", help="what to evaluate on, as DATA"
    )
    parser.add_argument(
        "--profile", type=_range, metavar="A:B", help="trace steps A to B-1 into RUN/profile"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        metavar="NAME=VALUE",
        help="settings, named as in --print-config",
    )
    parser.add_argument("--print-config", action="store_true", help="print all settings and exit")
    parser.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="address of process 0, for a run with several processes",
    )
    parser.add_argument(
        "--processes", type=options.positive, metavar="N", help="number of processes"
    )
    parser.add_argument("--process", type=int, metavar="I", help="index of this process, from 0")


def _range(text: str) -> tuple[int, int]:
    first, colon, end = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError("must be A:B")
    return int(first), int(end)


def run(args: argparse.Namespace) -> int:
    """Trains, or prints the settings; returns 0."""
    from audiotok_jax import distributed
    from audiotok_jax.train import overrides

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
    """The settings: defaults or CONFIG, changed by options and then by --set.

    Raises:
        ValueError: a setting is invalid, or `complete` is true and a required one is missing.
        OSError: there is no file CONFIG.
    """
    from audiotok_jax.config import preset
    from audiotok_jax.train import overrides
    from audiotok_jax.train.config import TrainConfig

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
