"""The command line: `audiotok-lite encode` and `audiotok-lite decode`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiotok_lite import atok, audio
from audiotok_lite.codec import load


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="audiotok-lite", description="Speech to 16-bit tokens and back, without JAX."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for run, what, made in ((_encode, "audio", ".atok"), (_decode, ".atok", "audio")):
        command = commands.add_parser(run.__name__[1:], help=run.__doc__)
        command.add_argument("input", type=Path, metavar="INPUT", help=f"{what} file")
        command.add_argument(
            "-o", "--out", type=Path, help=f"{made} file; default: beside the input"
        )
        command.add_argument(
            "--model", required=True, metavar="DIR", help="of `audiotok export --to onnx`"
        )
        command.add_argument("--force", action="store_true", help="replace a file that exists")
        command.set_defaults(run=run, suffix=".atok" if run is _encode else ".wav")
    args = parser.parse_args(argv)
    out = args.out or args.input.with_suffix(args.suffix)
    try:
        if out.exists() and not args.force:
            raise ValueError(f"{out} exists; --force replaces it")
        args.run(args.input, out, args.model)
    except (ValueError, OSError) as error:
        print(f"audiotok-lite: {error}", file=sys.stderr)
        return 1
    return 0


def _encode(source: Path, out: Path, model: str) -> None:
    """Encode speech as tokens."""
    codec = load(model)
    rate, blocks = audio.read(source)
    samples = 0

    def counted() -> Iterator[NDArray[np.float32]]:
        nonlocal samples
        for chunk in audio.resample(blocks, rate, codec.sample_rate):
            samples += len(chunk)
            yield chunk

    tokens = np.concatenate(list(codec.encode_mono(counted())))
    shape = (codec.model_id, codec.sample_rate, codec.hop_length, samples, codec.bits)
    atok.write(out, atok.TokenFile(tokens, *shape))


def _decode(source: Path, out: Path, model: str) -> None:
    """Decode tokens to speech."""
    codec = load(model)
    found = atok.read(source)
    if found.model_id != codec.model_id:
        raise ValueError(f"{source}: made by model {found.model_id}, this is {codec.model_id}")
    wave = codec.decode(found.tokens)[: found.num_samples]
    audio.write(out, wave, codec.sample_rate)
