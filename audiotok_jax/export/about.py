"""`model.json`: facts about a model for the programs that run its export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from audiotok_jax.pretrained import DEFAULT, Model

ABOUT = "model.json"
FORMAT = 1
"""Version of its layout."""


def about(released: Model) -> dict[str, Any]:
    """Facts about a model, JSON-ready.

    Halos are the context that a window needs before and after its frames: samples for the encoder,
    tokens for the decoder.
    """
    config = released.config
    return {
        "format": FORMAT,
        "model_id": released.model_id,
        "sample_rate": config.sample_rate,
        "hop_length": config.hop_length,
        "bits": config.bits,
        "encoder_halo": list(config.encoder_halo),
        "decoder_halo": list(config.decoder_halo),
        "card": released.card,
    }


def write(folder: Path, released: Model) -> None:
    """Writes `about` to `ABOUT` in a folder."""
    text = json.dumps(about(released), indent=2, ensure_ascii=False)
    (folder / ABOUT).write_text(text + "\n", encoding="utf-8")


def check_portable(released: Model) -> None:
    """Raises ValueError if a model would give other tokens or speech without JAX."""
    config = released.config
    if config.encoder != "integer" or config.noise != "hash":
        raise ValueError(
            f"model {released.model_id} has the {config.encoder} encoder and {config.noise} noise; "
            "outside of JAX, only the integer encoder and hash noise give the same tokens and "
            f"speech: export it --to stablehlo, or take {DEFAULT} or a model of a preset live-*"
        )
