"""Models: the config and the weights in their folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from audiotok_jax import CodecConfig, pretrained
from audiotok_jax.codec import model
from fuzzing import mutations, safetensors_files, strict
from fuzzing.target import Target, expect

FOLDER = "model"
CONFIG = CodecConfig(
    encoder_dim=8, encoder_depth=1, decoder_dim=8, decoder_depth=1, expansion=1, pitch_bins=4
)


def make(folder: Path) -> None:
    """Writes a model of small random weights, without compiling anything."""
    shapes = jax.eval_shape(lambda key: model.init(key, CONFIG), jax.random.key(0))
    rng = np.random.default_rng(0)
    params = {
        name: rng.normal(0, 0.1, leaf.shape).astype(np.float32)
        for name, leaf in flatten_dict(shapes, sep="/").items()
    }
    card = {"name": "none", "hours": 0.1, "data": ["nothing"]}
    pretrained.save(folder / FOLDER, unflatten_dict(params, sep="/"), CONFIG, card)


def targets(folder: Path) -> list[Target]:
    """The targets in it."""
    place = folder / FOLDER
    config, weights = place / pretrained.CONFIG, place / pretrained.WEIGHTS
    check = _model(place)
    how = (*mutations.BYTES, *(mutations.value,) * 30)
    return [
        Target("config", 500, config, how, check, place),
        Target("weights", 300, weights, safetensors_files.MUTATIONS, check, place),
    ]


def _model(place: Path) -> Callable[[bytes], bool]:
    whole = pretrained.load(place)

    def check(data: bytes) -> bool:
        found = pretrained.load(place)
        about = strict.parse((place / pretrained.CONFIG).read_bytes())
        arrays, _ = safetensors_files.parse((place / pretrained.WEIGHTS).read_bytes())
        expect(strict.same(found.config.to_dict(), about["codec"]), "another config than written")
        weights = flatten_dict(found.params, sep="/")
        expect(weights.keys() == arrays.keys(), "other weights than written")
        for name, array in arrays.items():
            expect(bool(np.isfinite(array).all()), f"{name} is not finite")
            expect(np.array_equal(weights[name], array), f"{name} is not what was written")
        same = found.config == whole.config and all(
            np.array_equal(array, weights[name])
            for name, array in flatten_dict(whole.params, sep="/").items()
        )
        expect(same == (found.model_id == whole.model_id), "the id does not tell another model")
        return same and found.card == whole.card

    return check
