"""Weights for a deeper model to start its training from.

    python experiments/default_model/deeper.py small-80hz-7 --encoder 7 --decoder 11 --out runs/deep

Blocks are put after those that are there. Until they are trained they add nothing (Zhang et al.
2019, Fixup), so that the deeper model says what the other one does.
"""

from __future__ import annotations

import argparse
import dataclasses

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from audiotok_jax import pretrained
from audiotok_jax.codec import model
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig


def deepen(params: Params, config: CodecConfig) -> Params:
    """The weights of a model of `config` that computes what the one of `params` does."""
    old = flatten_dict(params, sep="/")
    new = flatten_dict(model.init(jax.random.key(0), config), sep="/")
    silent = {
        name: np.zeros_like(weight) if name.endswith("Dense_1/kernel") else weight
        for name, weight in new.items()
        if name not in old
    }
    return unflatten_dict({**silent, **old}, sep="/")


def main() -> None:
    """Reads the arguments and writes the folder of a model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="name of a released model, or a folder")
    parser.add_argument("--encoder", type=int, required=True, help="blocks of the encoder")
    parser.add_argument("--decoder", type=int, required=True, help="blocks of the decoder")
    parser.add_argument("--out", required=True, help="folder to be written")
    args = parser.parse_args()
    found = pretrained.load(args.model)
    config = dataclasses.replace(
        found.config, encoder_depth=args.encoder, decoder_depth=args.decoder
    )
    pretrained.save(args.out, deepen(found.params, config), config)
    print(args.out)


if __name__ == "__main__":
    main()
