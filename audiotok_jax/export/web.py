"""A page that encodes and decodes speech in the browser; nothing leaves it.

The page and its scripts are in `assets`; the scripts of its worker, in `assets/worker`, are joined
to one string in a script, as a page opened from the disk cannot load a worker otherwise. For the
same reason the weights of the model are in a script, compressed, as base64.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.codec.integer import tables
from audiotok_jax.codec.leaves import by_name
from audiotok_jax.codec.pitch import pitch_frequencies
from audiotok_jax.config import CodecConfig
from audiotok_jax.export import about
from audiotok_jax.pretrained import Model

ASSETS = Path(__file__).parent / "assets"
WORKER = ("products", "frames", "encoder", "decoder", "model", "worker")
"""Scripts of the worker, in the order of their dependencies."""

SHARED = Path(__file__).parent.parent / "page" / "assets"
"""Assets of the listening page, whose style this page shares."""


def write(folder: Path, released: Model) -> None:
    """Writes the page; ValueError as of `about.check_portable`."""
    about.check_portable(released)
    for path in (*ASSETS.glob("*.*"), SHARED / "page.css", SHARED / "icon.svg"):
        shutil.copy(path, folder)
    source = "\n".join((ASSETS / "worker" / f"{name}.js").read_text() for name in WORKER)
    wasm = base64.b64encode((ASSETS / "worker" / "multiply.wasm").read_bytes()).decode()
    _write(folder / "worker.js", {"WORKER": source, "WASM": wasm})
    named = arrays(released)
    manifest = [
        {"name": name, "dtype": array.dtype.name, "length": array.size}
        for name, array in named.items()
    ]
    packed = gzip.compress(b"".join(map(_planes, named.values())), mtime=0)
    model = {
        "about": about.about(released),
        "shape": shape(released.config),
        "manifest": manifest,
        "data": base64.b64encode(packed).decode(),
    }
    _write(folder / "model.js", {"MODEL": model})
    about.write(folder, released)


def shape(config: CodecConfig) -> dict[str, Any]:
    """The facts about a codec that the scripts need, JSON-ready."""
    bins = tables.harmonic_bins(config)
    spans = tables.spans(config)
    fields = (
        *("bits", "hop_length", "subframe_length", "subframes", "n_fft", "margin", "pitch_bins"),
        *("encoder_dim", "encoder_taps", "encoder_halo", "expansion", "decoder_dim"),
        *("decoder_taps", "decoder_halo", "control_halo", "pitch_halo", "synthesis_halo"),
        *("filter_bins", "filter_length"),
    )
    return {name: getattr(config, name) for name in fields} | {
        "features": tables.features(config),
        "spans": spans,
        "middles": [tables.middle(span, config) for span in spans],
        "harmonic_bins": [bins.start, bins.stop],
    }


def arrays(released: Model) -> dict[str, NDArray[Any]]:
    """Weights and tables by name; floats as float16, which those of a released model are."""
    config = released.config
    found = {name: np.asarray(leaf) for name, leaf in by_name(released.params).items()}
    found |= {name: one.astype(np.float16) for name, one in found.items() if one.dtype.kind == "f"}
    cycles = np.round(pitch_frequencies(config) / config.sample_rate * 2.0**32)
    return found | {
        "tables/twiddles": tables.twiddles(config),
        "tables/combs": tables.combs(config),
        "tables/falling": tables.falling(),
        "tables/reciprocals": tables.reciprocals(),
        "tables/roots": tables.roots(config.encoder_dim),
        "tables/pitch_steps": cycles,
    }


def _planes(array: NDArray[Any]) -> bytes:
    """The lowest bytes of all numbers, then the next ones: byte shuffling, as in HDF5."""
    numbers = array.astype(array.dtype.newbyteorder("<")).ravel()
    return numbers.view(np.uint8).reshape(len(numbers), array.itemsize).T.tobytes()


def _write(path: Path, constants: dict[str, Any]) -> None:
    lines = (f"const {name} = {json.dumps(value)};\n" for name, value in constants.items())
    path.write_text('"use strict";\n' + "".join(lines), encoding="utf-8")
