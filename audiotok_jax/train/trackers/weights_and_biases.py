"""Weights & Biases."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from audiotok_jax.evaluate.metrics import RATE
from audiotok_jax.train.config import TrainConfig
from audiotok_jax.train.evaluation import Evaluated, spectrograms


class WeightsAndBiases:
    """A run in the project `session.wandb`, shared by all sessions of a run.

    Its environment variables are respected, such as `WANDB_MODE=offline`.
    """

    def __init__(self, out: Path, config: TrainConfig):
        """Starts or resumes the run; local files and its id are in `out`/wandb."""
        known = out / "wandb" / "run.txt"
        if not known.exists():
            known.parent.mkdir(exist_ok=True)
            known.write_text(secrets.token_hex(4))
        self._run = wandb.init(
            project=config.session.wandb,
            name=out.name,
            id=known.read_text(),
            resume="allow",
            dir=out,
            config=config.to_dict(),
        )
        # Its own step counter would reject steps that are repeated after a crash.
        self._run.define_metric("*", step_metric="step")

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        own = {f"train/{name}": value for name, value in values.items() if name != "bits"}
        if "bits" in values:
            own |= {f"bits/{number}": mean for number, mean in enumerate(values["bits"])}
        self._run.log({"step": step} | own)

    def show(self, done: int, found: Evaluated) -> None:
        own: dict[str, Any] = {f"eval/{name}": mean for name, mean in found.means.items()}
        for sample in found.samples:
            own |= {
                f"{sample.name}/original": wandb.Audio(sample.original, sample_rate=RATE),
                f"{sample.name}/decoded": wandb.Audio(sample.decoded, sample_rate=RATE),
                f"{sample.name}/both": wandb.Image(spectrograms(sample)),
            }
        self._run.log({"step": done} | own)

    def close(self) -> None:
        self._run.finish()
