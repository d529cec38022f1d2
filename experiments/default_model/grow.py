"""Initial weights for a larger model, made from those of a trained one.

    python experiments/default_model/grow.py speech-40hz-v1 --encoder 7 --decoder 11 --out runs/deep
    python experiments/default_model/grow.py speech-40hz-v1 --short-window 400 --out runs/before

Blocks are added after the existing ones, a second window beside the first. Until they are trained
they contribute nothing (Zhang et al. 2019, Fixup), so the new model computes what the old one does.
"""

from __future__ import annotations

import argparse
import dataclasses

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from numpy.typing import NDArray

from audiotok_jax import pretrained
from audiotok_jax.codec import model
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig

SEEN = "encoder/from_features/kernel"
"""The weight that the features of the front end are multiplied by."""


def grow(params: Params, config: CodecConfig) -> Params:
    """The weights of a model of `config` that computes what the one of `params` does."""
    old = flatten_dict(params, sep="/")
    new = flatten_dict(model.init(jax.random.key(0), config), sep="/")
    silent = {
        name: np.zeros_like(weight) if name.endswith("mlp_out/kernel") else weight
        for name, weight in new.items()
        if name not in old
    }
    grown = {**silent, **old}
    if SEEN in old:
        grown[SEEN] = _widened(old[SEEN], new[SEEN].shape, config.subframes)
    return unflatten_dict(grown, sep="/")


def _widened(
    kernel: NDArray[np.float32], shape: tuple[int, ...], subframes: int
) -> NDArray[np.float32]:
    """The kernel with rows of zeros for new features, after the old ones of each subframe."""
    parts = kernel.reshape(subframes, -1, shape[1])
    more = shape[0] // subframes - parts.shape[1]
    return np.pad(parts, ((0, 0), (0, more), (0, 0))).reshape(shape)


def main() -> None:
    """Reads the arguments and writes the folder of a model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="name of a released model, or a folder")
    parser.add_argument("--encoder", type=int, help="blocks of the encoder")
    parser.add_argument("--decoder", type=int, help="blocks of the decoder")
    parser.add_argument("--short-window", type=int, help="samples of the second window")
    parser.add_argument("--out", required=True, help="folder to be written")
    args = parser.parse_args()
    found = pretrained.load(args.model)
    changes = {
        "encoder_depth": args.encoder,
        "decoder_depth": args.decoder,
        "short_n_fft": args.short_window,
    }
    config = dataclasses.replace(
        found.config, **{name: given for name, given in changes.items() if given is not None}
    )
    pretrained.save(args.out, grow(found.params, config), config)
    print(args.out)


if __name__ == "__main__":
    main()
