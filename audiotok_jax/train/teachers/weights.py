"""Reading of the weights of Whisper's encoder, from CTranslate2 or Hugging Face."""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

FILES = ("model.bin", "model.safetensors")
"""Files of CTranslate2 and of Hugging Face; the first one in a folder is read."""

Weights = dict[str, NDArray[np.float32]]
"""Weights by CTranslate2's names below `encoder/`: matrices (out, in), kernels (out, in, taps)."""

_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
_SPEC = "WhisperSpec"

# Patterns of Hugging Face's names below `encoder.`, and our names; q, k and v are separate there.
_NAMES = (
    (r"(conv[12])\.(weight|bias)", r"\1/\2"),
    (r"embed_positions\.weight", "position_encodings/encodings"),
    (r"layer_norm\.weight", "layer_norm/gamma"),
    (r"layer_norm\.bias", "layer_norm/beta"),
    (r"layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)", r"layer_\1/self_attention/\2/\3"),
    (r"layers\.(\d+)\.self_attn\.out_proj\.(\w+)", r"layer_\1/self_attention/linear_1/\2"),
    (r"layers\.(\d+)\.self_attn_layer_norm\.weight", r"layer_\1/self_attention/layer_norm/gamma"),
    (r"layers\.(\d+)\.self_attn_layer_norm\.bias", r"layer_\1/self_attention/layer_norm/beta"),
    (r"layers\.(\d+)\.fc1\.(\w+)", r"layer_\1/ffn/linear_0/\2"),
    (r"layers\.(\d+)\.fc2\.(\w+)", r"layer_\1/ffn/linear_1/\2"),
    (r"layers\.(\d+)\.final_layer_norm\.weight", r"layer_\1/ffn/layer_norm/gamma"),
    (r"layers\.(\d+)\.final_layer_norm\.bias", r"layer_\1/ffn/layer_norm/beta"),
)


def read(folder: Path) -> Weights:
    """Reads the encoder of a folder that has one of `FILES`.

    Raises:
        ValueError: the file holds no encoder of Whisper in float16 or float32, or is truncated.
        OSError: it cannot be read.
    """
    path = next(folder / name for name in FILES if (folder / name).is_file())
    try:
        found = _ctranslate2(path) if path.suffix == ".bin" else _hugging_face(path)
        _check(found)
    except (ValueError, SafetensorError) as error:
        raise ValueError(f"{path}: {error}") from None
    return found


def _ctranslate2(path: Path) -> Weights:
    """Reads version 4 and later: little-endian numbers, texts prefixed with their length."""
    found = {}
    with open(path, "rb") as file:
        if not path.stat().st_size:
            raise ValueError("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            place = 0

            def take(count: int) -> bytes:
                nonlocal place
                place += count
                if place > len(data):
                    raise ValueError("it is cut off, or no model of CTranslate2")
                return data[place - count : place]

            def number(code: str) -> int:
                return int(struct.unpack(f"<{code}", take(struct.calcsize(code)))[0])

            def text() -> str:
                return take(number("H")).rstrip(b"\0").decode(errors="replace")

            version = number("I")
            spec = text() if version >= 4 else ""
            if spec != _SPEC:
                raise ValueError("it is no Whisper of CTranslate2 in version 4 or later")
            number("I")  # the revision
            for _ in range(number("I")):
                name = text()
                shape = [number("I") for _ in range(number("B"))]
                kind, size = number("B"), number("I")
                own = name.removeprefix("encoder/")
                if own == name or not shape:
                    place += size
                    continue
                values = take(size)
                dtype = _TYPES[kind] if kind < len(_TYPES) else None
                if dtype not in (np.float32, np.float16):
                    raise ValueError(f"{name} is no float16 or float32: take a model in one")
                found[own] = np.frombuffer(values, dtype).reshape(shape).astype(np.float32)
            take(0)  # the last variable may have been skipped, and not be all there
    return found


def _hugging_face(path: Path) -> Weights:
    found: Weights = {}
    with safe_open(path, "numpy") as file:
        for key in file.keys():  # noqa: SIM118  not a mapping
            _, encoder, own = key.rpartition("encoder.")
            if encoder:
                for pattern, name in _NAMES:
                    if match := re.fullmatch(pattern, own):
                        found[match.expand(name)] = file.get_tensor(key).astype(np.float32)
    for name in [name for name in found if name.endswith("/q/weight")]:
        attention = name.removesuffix("/q/weight")
        found.setdefault(f"{attention}/k/bias", np.zeros(len(found[name]), np.float32))
        for kind in ("weight", "bias"):
            parts = [found.pop(f"{attention}/{part}/{kind}", None) for part in "qkv"]
            there = [part for part in parts if part is not None]
            if len(there) == len(parts):
                found[f"{attention}/linear_0/{kind}"] = np.concatenate(there)
    return found


def depth(names: Iterable[str]) -> int:
    """Number of layers that weights of these names have."""
    return sum(name.endswith("ffn/linear_0/weight") for name in names)


def _check(weights: Weights) -> None:
    """Raises ValueError if a weight is missing."""
    needed = [f"{conv}/{kind}" for conv in ("conv1", "conv2") for kind in ("weight", "bias")]
    needed += ["position_encodings/encodings", "layer_norm/gamma", "layer_norm/beta"]
    for layer in range(max(1, depth(weights))):
        for part in ("self_attention", "ffn"):
            here = f"layer_{layer}/{part}"
            needed += [f"{here}/layer_norm/gamma", f"{here}/layer_norm/beta"]
            needed += [f"{here}/linear_{i}/{kind}" for i in (0, 1) for kind in ("weight", "bias")]
    missing = [name for name in needed if name not in weights]
    if missing:
        raise ValueError(f"it holds no encoder of Whisper: {missing[0]} is missing")
