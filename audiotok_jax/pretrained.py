"""Released models: a folder that holds `model.safetensors` (float16) and `config.json`.

The config holds the id that the model was given when it was saved, and a checksum of id, codec and
weights: an id survives the renaming of fields and layers, and cannot end up with other weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from audiotok_jax import jsonfile
from audiotok_jax.codec import model
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.files import replacing

DEFAULT = "speech-80hz-v9"
FORMAT = 2
"""Version of the layout of a model's folder."""

MODELS = Path(__file__).parent / "models"
"""Folder of the released models, with a subfolder for each."""

WEIGHTS, CONFIG = "model.safetensors", "config.json"


class Model(NamedTuple):
    """A codec that is ready to run.

    Attributes:
        params: {"encoder": tree, "decoder": tree} of float32 NumPy arrays.
        config: shape of the codec.
        model_id: 16 hexadecimal digits, those of `identity` when it was first saved.
        card: facts about the model, as given to `save`.
    """

    params: Params
    config: CodecConfig
    model_id: str
    card: dict[str, Any]


def identity(params: Params, config: CodecConfig) -> str:
    """Names a new model by what it is made of.

    Returns:
        The first 16 hexadecimal digits of the SHA-256 of the config and of the names, shapes,
        dtypes and bytes of all arrays. A saved model is named by its float16 arrays.
    """
    digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode())
    for name, array in sorted(_flatten(params).items()):
        digest.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def save(
    folder: str | os.PathLike[str],
    params: Params,
    config: CodecConfig,
    card: dict[str, Any] | None = None,
) -> str:
    """Writes a model in float16; each of its files appears whole or not at all.

    Args:
        folder: made if it is not there.
        params: arrays of any float dtype, as `model.init` gives them.
        config: shape of the codec.
        card: JSON-ready facts about the model: data, metrics, licence.

    Returns:
        The model id.

    Raises:
        ValueError: a weight is not finite in float16, or the arrays do not fit the config.
        OSError: the disk does not take it.
    """
    with np.errstate(over="ignore"):
        weights = {k: v.astype(np.float16) for k, v in _flatten(params).items()}
    _check_fit({name: array.shape for name, array in weights.items()}, config)
    _check_finite(weights)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"format": FORMAT}
    about["id"] = identity(unflatten_dict(weights, sep="/"), config)
    about["codec"] = config.to_dict()
    with replacing(target / WEIGHTS) as path:
        path.write_bytes(to_bytes(weights))  # `save_file` would let nobody else read it
        about["checksum"] = checksum(about, path)
    about["card"] = card or {}
    with replacing(target / CONFIG) as path:
        path.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return about["id"]


def checksum(about: dict[str, Any], weights: Path) -> str:
    """SHA-256 of "id" and "codec" of a config and the SHA-256 of a file of weights, as JSON."""
    with open(weights, "rb") as file:
        whole = {"id": about["id"], "codec": about["codec"]}
        whole["weights"] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def names() -> list[str]:
    """Names of the released models."""
    return sorted(path.parent.name for path in MODELS.glob(f"*/{CONFIG}"))


def locate(path_or_name: str | os.PathLike[str] | None = None) -> Path:
    """The folder of a model.

    Args:
        path_or_name: name of a released model, or else a folder that `save` wrote; None is the
            default model, `DEFAULT`.

    Raises:
        FileNotFoundError: there is neither such a model nor such a folder.
    """
    given = DEFAULT if path_or_name is None else os.fspath(path_or_name)
    folder = MODELS / given if given in names() else Path(given)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"no model {given!r}: neither a folder with {CONFIG} and {WEIGHTS} nor a released "
                f"model ({', '.join(names()) or 'there is none'})"
            )
    return folder


def load(path_or_name: str | os.PathLike[str] | None = None) -> Model:
    """Reads a model.

    Args:
        path_or_name: as `locate` takes it.

    Raises:
        FileNotFoundError: as `locate`.
        ValueError: the folder does not hold a complete, undamaged model.
    """
    folder = locate(path_or_name)
    about, config = _read_config(folder / CONFIG)
    try:
        weights = _read_weights(folder / WEIGHTS, config)
        if checksum(about, folder / WEIGHTS) != about["checksum"]:
            raise ValueError(f"it and {CONFIG} are not as they were saved; copy both again")
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{folder / WEIGHTS}: damaged: {error}") from None
    params = {name: array.astype(np.float32) for name, array in weights.items()}
    return Model(unflatten_dict(params, sep="/"), config, about["id"], about["card"])


def _flatten(params: Params) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(leaf) for name, leaf in flatten_dict(params, sep="/").items()}


def _read_config(path: Path) -> tuple[dict[str, Any], CodecConfig]:
    try:
        about = jsonfile.load(path)
        found = about.get("format")
        if type(found) is not int or found != FORMAT:
            raise ValueError(
                f"format {reprlib.repr(found)} is not {FORMAT}: of another version of audiotok_jax"
            )
        for name, kind in (("id", str), ("codec", dict), ("checksum", str), ("card", dict)):
            if not isinstance(about.get(name), kind):
                raise ValueError(f"{name} is missing, or no {kind.__name__}")
        return about, CodecConfig.from_dict(about["codec"])
    except ValueError as error:
        raise ValueError(f"{path}: not the config of a model: {error}") from None


def _read_weights(path: Path, config: CodecConfig) -> dict[str, NDArray[np.float16]]:
    """Reads the arrays of a file, after checking their shapes and dtypes."""
    with safe_open(path, framework="numpy") as file:
        parts = {name: file.get_slice(name) for name in file.keys()}
        _check_fit({name: tuple(part.get_shape()) for name, part in parts.items()}, config)
        for name, part in parts.items():
            if part.get_dtype() != "F16":
                raise ValueError(f"{name} is {part.get_dtype()}, should be F16")
        weights = {name: file.get_tensor(name) for name in parts}
    _check_finite(weights)
    return weights


def _check_fit(found: Mapping[str, tuple[int, ...]], config: CodecConfig) -> None:
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), config))
    wanted = {k: leaf.shape for k, leaf in flatten_dict(shapes, sep="/").items()}
    for key in sorted(wanted.keys() | found.keys()):
        if found.get(key) != wanted.get(key):
            raise ValueError(
                f"does not fit its config: {key} has shape {found.get(key)}, should have "
                f"{wanted.get(key)}"
            )


def _check_finite(weights: Mapping[str, NDArray[np.float16]]) -> None:
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ValueError(f"weight {name} holds values that are not finite in float16")
