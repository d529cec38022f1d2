"""Write a model for use without this package.

Writes a folder with the model in another form, and a README that says how to run it:

  stablehlo   encode and decode for JAX alone, on CPUs, NVIDIA GPUs and TPUs
  onnx        encoder and decoder for onnxruntime and audiotok-lite
  web         a page that encodes and decodes speech in the browser, from a microphone or files

The last two are for models with the integer encoder, whose tokens are the same everywhere.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from audiotok_jax.commands import _options as options
from audiotok_jax.files import replacing_folder
from audiotok_jax.jobs import check_folder

EXAMPLES = (
    "audiotok export speech-40hz-v1 --to stablehlo --out stablehlo/",
    "audiotok export speech-80hz-v10 --to onnx --out onnx/",
    "audiotok export speech-80hz-v10 --to web --out page/",
)

FORMATS = {"stablehlo": "stablehlo", "onnx": "onnx_folder", "web": "web"}
"""Modules of `audiotok_jax.export` that write them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=options.path, metavar="MODEL", help="a released model's name, or a folder"
    )
    parser.add_argument("--to", required=True, choices=FORMATS, help="the form")
    options.add_folder(parser, "folder to write")
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the folder."""
    from audiotok_jax import extras, pretrained
    from audiotok_jax.export.about import ABOUT

    check_folder(args.out, "an export", lambda out: Path(out, ABOUT).is_file(), args.force)
    if args.to == "stablehlo":
        extras.need("export", "flatbuffers")
    if args.to == "onnx":
        extras.need("export", "onnx")
    writer = importlib.import_module(f"audiotok_jax.export.{FORMATS[args.to]}")
    released = pretrained.load(args.model)
    with replacing_folder(args.out) as place:
        writer.write(place, released)
        size = sum(path.stat().st_size for path in place.rglob("*"))
    print(f"{args.out}: model {released.model_id}, {size / 1e6:.1f} MB")
    return 0
