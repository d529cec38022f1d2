"""Describe .atok files, or this installation."""

from __future__ import annotations

import argparse
import functools
import os

from audiotok_jax.commands import _options as options
from audiotok_jax.terminal import complain, printable

EXAMPLES = ("audiotok info talk.atok", "audiotok info")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="*", metavar="FILE", help=".atok files")
    options.add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Prints headers of token files, or versions, devices and models; 1 if a file is invalid."""
    from audiotok_jax import entropy, tokenfile

    if not args.inputs:
        _show_installation()
    find = functools.partial(entropy.find, path_or_name=args.model)
    failed = False
    for path in args.inputs:
        try:
            found = tokenfile.read(path, find=find)
            size = os.path.getsize(path)
        except (ValueError, OSError) as error:
            complain(error)
            failed = True
            continue
        rate = f"{found.frame_rate:g} tokens/s of {found.bits} bits"
        print(printable(path))
        print(f"  model        {found.model_id}")
        print(f"  speech       {found.duration:.3f} s, {found.num_samples} samples")
        print(f"  sample rate  {found.sample_rate} Hz")
        print(f"  tokens       {len(found.tokens)}, one for {found.hop_length} samples")
        print(f"  rate         {rate}, {found.bitrate / 1000:g} kbps")
        print(f"  file         {size} bytes, {8 * size / len(found.tokens):.2f} bits per token")
    return int(failed)


def _show_installation() -> None:
    import jax

    from audiotok_jax import config, pretrained
    from audiotok_jax.provenance import version

    print(f"audiotok_jax  {version('audiotok_jax') or 'not installed'}")
    print(f"jax           {jax.__version__}")
    print(f"devices       {', '.join(map(str, jax.devices()))}")
    for name in pretrained.names():
        default = ", the default" if name == pretrained.DEFAULT else ""
        print(f"model         {name}, id {pretrained.load(name).model_id}{default}")
    for name in config.PRESETS:
        codec = config.preset(name)
        rate = f"{codec.frame_rate:g} tokens/s of {codec.bits} bits, {codec.bitrate / 1000:g} kbps"
        print(f"preset        {name}: {rate}")
