"""`audiotok stats`: how well tokens use their code: tables, JSON, a picture."""

from __future__ import annotations

import argparse
import functools
import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import entropy, files, interchange
from audiotok_jax.commands.table import show_table
from audiotok_jax.corpus.plan import refuse
from audiotok_jax.evaluate.stats import statistics, tables
from audiotok_jax.jobs import TOKEN_SUFFIXES, complain


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    refuse(args.inputs)
    sources = files.find(args.inputs, TOKEN_SUFFIXES)
    _check_reports(args, sources)
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
            with files.replacing(args.json) as temporary:
                temporary.write_text(text + "\n")
    if args.plot:
        from audiotok_jax.evaluate import stats_picture

        stats_picture.draw(Path(args.plot), streams, found)
    return int(failed)


def _check_reports(args: argparse.Namespace, sources: list[Path]) -> None:
    """Raises if a file that `stats` is to write is an input, there already, or no picture."""
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
