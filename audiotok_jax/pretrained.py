"""Released models: a folder that holds `model.safetensors` and `config.json`.

Arrays of floats are stored as float16, those of an integer encoder as they are.

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

import numpy as np
from flax.traverse_util import unflatten_dict
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from audiotok_jax import files, jsonfile
from audiotok_jax.codec import encoders, model
from audiotok_jax.codec.leaves import by_name
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig

DEFAULT = "speech-80hz-v10"
FORMAT = 2
"""Version of the layout of a model's folder."""

MODELS = Path(__file__).parent / "models"
"""Folder of the released models, with a subfolder for each."""

WEIGHTS, CONFIG = "model.safetensors", "config.json"

DTYPES = {"F16": "float16", "I8": "int8", "I32": "int32"}
"""Dtypes of the arrays in a file, by their names in safetensors."""


class Model(NamedTuple):
    """A codec that is ready to run.

    Attributes:
        params: in the released form, see `codec.model`, as NumPy arrays; floats as float32.
        config: shape of the codec.
        model_id: 16 hexadecimal digits, those of `identity` when it was first saved.
        card: facts about the model, as given to `save`.
    """

    params: Params
    config: CodecConfig
    model_id: str
    card: dict[str, Any]


def identity(params: Params, config: CodecConfig) -> str:
    """The id of a new model, by its content; that of a saved one is of the arrays in its file.

    Returns:
        The first 16 hexadecimal digits of the SHA-256 of the config and of the names, shapes,
        dtypes and bytes of all arrays.
    """
    digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode())
    for name, array in sorted(by_name(params).items()):
        array = np.asarray(array)
        digest.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def save(
    folder: str | os.PathLike[str],
    params: Params,
    config: CodecConfig,
    card: dict[str, Any] | None = None,
) -> str:
    """Writes a model; each of its files appears whole or not at all.

    Args:
        folder: made if it does not exist.
        params: in the released form; floats are rounded to float16.
        config: shape of the codec.
        card: JSON-ready facts about the model: data, metrics, licence.

    Returns:
        The model id.

    Raises:
        ValueError: a weight is not finite in float16, the arrays do not fit the config, or its
            tokens could depend on the machine.
        OSError: it cannot be written.
    """
    with np.errstate(over="ignore"):
        weights = {
            name: np.asarray(x) if _whole(x.dtype) else np.asarray(x).astype(np.float16)
            for name, x in by_name(params).items()
        }
    _check_fit({name: (x.dtype.name, x.shape) for name, x in weights.items()}, config)
    _check_finite(weights)
    encoders.of(config).check(_tree(weights, config)["encoder"])
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"format": FORMAT}
    about["id"] = identity(unflatten_dict(weights, sep="/"), config)
    about["codec"] = config.to_dict()
    with files.replacing(target / WEIGHTS) as path:
        path.write_bytes(to_bytes(weights))  # `save_file` would let nobody else read it
        about["checksum"] = checksum(about, path)
    about["card"] = card or {}
    files.write(target / CONFIG, json.dumps(about, indent=2) + "\n")
    return about["id"]


def checksum(about: dict[str, Any], weights: Path) -> str:
    """SHA-256 of "id" and "codec" of a config and the SHA-256 of a file of weights, as JSON."""
    whole = {"id": about["id"], "codec": about["codec"], "weights": files.sha256(weights)}
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
    """Reads a model, found by `locate`.

    Raises:
        FileNotFoundError: as `locate`.
        ValueError: the folder does not hold a complete, undamaged model.
    """
    folder = locate(path_or_name)
    about, config = _read_config(folder / CONFIG)
    # Not checked for released models, which takes more than half a second: tests do it.
    wanted = None if folder.parent == MODELS else config
    try:
        weights = _read_weights(folder / WEIGHTS, wanted)
        if checksum(about, folder / WEIGHTS) != about["checksum"]:
            raise ValueError(f"it and {CONFIG} are not as they were saved; copy both again")
        params = _tree(weights, config)
        encoders.of(config).check(params["encoder"])
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{folder / WEIGHTS}: damaged: {error}") from None
    return Model(params, config, about["id"], about["card"])


def _tree(weights: Mapping[str, NDArray[Any]], config: CodecConfig) -> Params:
    """Inverse of `by_name`, with floats of 32 bits."""
    tree = unflatten_dict(
        {name: x if _whole(x.dtype) else x.astype(np.float32) for name, x in weights.items()},
        sep="/",
    )
    return tree | {"encoder": encoders.of(config).from_names(tree["encoder"])}


def _whole(dtype: Any) -> bool:
    return bool(np.issubdtype(dtype, np.integer))


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


def _read_weights(path: Path, config: CodecConfig | None) -> dict[str, NDArray[Any]]:
    """Reads the arrays of a file, after checking that they fit the config if there is one."""
    with safe_open(path, framework="numpy") as file:
        parts = {name: file.get_slice(name) for name in file.keys()}
        for name, part in parts.items():
            if part.get_dtype() not in DTYPES:
                raise ValueError(f"{name} is {part.get_dtype()}, should be {' or '.join(DTYPES)}")
        if config is not None:
            kinds = {k: (DTYPES[p.get_dtype()], tuple(p.get_shape())) for k, p in parts.items()}
            _check_fit(kinds, config)
        weights = {name: file.get_tensor(name) for name in parts}
    _check_finite(weights)
    return weights


def _check_fit(found: Mapping[str, tuple[str, tuple[int, ...]]], config: CodecConfig) -> None:
    """Raises ValueError if arrays, given by the names of their dtypes and shapes, do not fit."""
    wanted = {
        name: (leaf.dtype.name if _whole(leaf.dtype) else "float16", leaf.shape)
        for name, leaf in by_name(model.shapes(config)).items()
    }
    for key in sorted(wanted.keys() | found.keys()):
        if found.get(key) != wanted.get(key):
            raise ValueError(
                f"does not fit its config: {key} is {_said(found.get(key))}, should be "
                f"{_said(wanted.get(key))}"
            )


def _said(kind: tuple[str, tuple[int, ...]] | None) -> str:
    return "absent" if kind is None else f"{kind[0]} of shape {kind[1]}"


def _check_finite(weights: Mapping[str, NDArray[Any]]) -> None:
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ValueError(f"weight {name} holds values that are not finite in float16")
