"""Initial weights for a model of half the frame rate, made from those of a trained one.

    python experiments/default_model/half_rate.py small-80hz-6 --out runs/half

A token of the new model stands for two of the old one. The layers next to the waveform act on each
subframe as on two, and the taps of the convolutions move to half their distance. Its speech is
poor, but training need not start from random weights.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from numpy.typing import NDArray

from audiotok_jax import pretrained

Weights = NDArray[np.float32]


def halve(name: str, weight: Weights, subframes: int) -> Weights:
    """A parameter of the new model from that of the old one with the same name."""
    if name == "encoder/from_features/kernel":
        return _twice(weight, subframes, axis=0) / np.float32(2)
    if name.startswith("decoder/to_filters/"):
        return _twice(weight, subframes, axis=-1)
    if name.endswith("depthwise/kernel"):
        return _closer(weight)
    return weight


def _twice(weight: Weights, subframes: int, axis: int) -> Weights:
    """The weight with the part of each subframe repeated."""
    parts = np.split(weight, subframes, axis)
    return np.concatenate([part for part in parts for _ in range(2)], axis)


def _closer(kernel: Weights) -> Weights:
    """Taps (size, D) at half their distance from the middle, shared between the two nearest."""
    middle = len(kernel) // 2
    places = np.arange(-middle, middle + 1)
    shares = np.maximum(0, 1 - np.abs(places[:, None] - places / 2))
    return (shares @ kernel).astype(np.float32)


def main() -> None:
    """Reads the arguments and writes the folder of a model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="name of a released model, or a folder")
    parser.add_argument("--out", required=True, help="folder to be written")
    args = parser.parse_args()
    model = pretrained.load(args.model)
    weights = flatten_dict(model.params, sep="/")
    halved = {name: halve(name, w, model.config.subframes) for name, w in weights.items()}
    config = dataclasses.replace(model.config, hop_length=2 * model.config.hop_length)
    pretrained.save(args.out, unflatten_dict(halved, sep="/"), config)
    print(args.out)


if __name__ == "__main__":
    main()
