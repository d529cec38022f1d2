"""Show how well tokens use the codebook.

Prints statistics over all tokens: the number of distinct ids, their entropy, and the correlation of
bits within tokens and between neighbours. Also reads text with tensors as PyTorch prints them,
tensor([[ 9071, 22264]]), to compare streams of other systems.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from audiotok_jax import files, formats
from audiotok_jax.commands import _options as options
from audiotok_jax.jobs import refuse_corpora
from audiotok_jax.terminal import complain, show_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXAMPLES = (
    "audiotok stats tokens/ --plot usage.svg",
    "audiotok stats printed.txt --json - | jq .usage",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_inputs(
        parser, "token files (.atok, .npy, .json, text), folders of them, or - for stdin"
    )
    parser.add_argument(
        "--bits",
        type=int,
        choices=range(1, 33),
        default=16,
        metavar="N",
        help="per token; default: 16",
    )
    options.add_model(parser)
    parser.add_argument(
        "--json", type=options.path, metavar="FILE", help="write JSON; - prints it, and no table"
    )
    parser.add_argument(
        "--plot", type=options.path, metavar="FILE", help="write a picture, .png or .svg"
    )
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Prints or writes the statistics of all tokens; returns 1 if a file is invalid."""
    refuse_corpora(args.inputs)
    sources = files.find(args.inputs, formats.TOKENS)
    _check_reports(args, sources)

    from audiotok_jax import entropy, extras, interchange
    from audiotok_jax.evaluate.stats import statistics, tables

    if args.plot:
        extras.need("page", "matplotlib")

    find = functools.partial(entropy.find, path_or_name=args.model)
    streams: list[NDArray[np.int64]] = []
    failed = False
    for path in sources:
        try:
            streams += interchange.read_streams(path, args.bits, find)
        except (ValueError, OSError) as error:
            complain(error)
            failed = True
    if not streams:
        return 1
    found = statistics(streams, args.bits)
    text = json.dumps(found, indent=2, allow_nan=False)
    if args.json == "-":
        print(text)
    else:
        overall, by_bit = tables(found)
        show_table(overall)
        print()
        show_table(by_bit)
        if args.json:
            files.write(args.json, text + "\n")
    if args.plot:
        from audiotok_jax.evaluate import stats_picture

        stats_picture.draw(Path(args.plot), streams, found)
    return int(failed)


def _check_reports(args: argparse.Namespace, sources: list[Path]) -> None:
    """Raises if an output is an input, exists, or has no suffix of a picture."""
    taken = {os.path.realpath(source) for source in sources}
    if args.plot and not args.plot.lower().endswith((".png", ".svg")):
        raise ValueError(f"{args.plot}: the name must end in .png or .svg")
    for output in (args.json, args.plot):
        if not output or output == "-":
            continue
        if os.path.realpath(output) in taken:
            raise ValueError(f"{output} is an input, too; choose another name")
        if os.path.lexists(output) and not args.force:
            raise ValueError(f"{output} exists; --force replaces it")
