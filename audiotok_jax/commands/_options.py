"""Options shared by several subcommands, and the types of their values."""

from __future__ import annotations

import argparse
import os

RECORDINGS = (
    "folders, tables (.tsv .csv .parquet .jsonl), manifests of NeMo and lhotse (.json .jsonl "
    ".jsonl.gz), tars, Parquet and Arrow files with audio"
)
"""Inputs of `data.sources.listing`."""

CLIPS = f"{RECORDINGS}, tfds:NAME[/CONFIG][:SPLIT]"
"""Inputs of `data.sources.open_clips`."""


def path(text: str) -> str:
    """A path; shells do not expand the `~` in `--out=~/x`."""
    return os.path.expanduser(text)


def positive(text: str) -> int:
    """An integer from 1."""
    return _at_least(1, text)


def non_negative(text: str) -> int:
    """An integer from 0."""
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    number = int(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"must be {least} or more")
    return number


def add_inputs(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds the inputs, with `what` as their help."""
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help=what)


def add_out(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds `--out` for outputs with a default path; see `jobs.targets_at`."""
    parser.add_argument(
        "-o",
        "--out",
        type=path,
        help=f"{what}; default: beside the input, or standard output for standard input",
    )


def add_folder(parser: argparse.ArgumentParser, what: str, metavar: str = "DIR") -> None:
    """Adds `--out` for a folder that must be given."""
    parser.add_argument("-o", "--out", type=path, required=True, metavar=metavar, help=what)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Adds `--channel` and `--truncated`, the fields of `audio.Reading`."""
    parser.add_argument(
        "--channel",
        type=_channel,
        default="mix",
        metavar="left|right|N|mix",
        help="take one channel, by number from 1, or the mean of all; default: %(default)s",
    )
    parser.add_argument(
        "--truncated",
        choices=("refuse", "keep"),
        default="refuse",
        help="what to do with truncated or damaged audio; keep uses what is there and reports it; "
        "default: %(default)s",
    )


def _channel(text: str) -> str:
    if text not in ("left", "right", "mix") and not (text.isdecimal() and 1 <= int(text) <= 32):
        raise argparse.ArgumentTypeError("must be left, right, mix or a number from 1 to 32")
    return text


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds `--model`; see `AudioTokenizer.from_pretrained`."""
    parser.add_argument(
        "--model",
        type=path,
        metavar="PATH_OR_NAME",
        help="default: the model that comes with the package",
    )


def add_compact(parser: argparse.ArgumentParser) -> None:
    """Adds `--compact`, for shards of a corpus."""
    parser.add_argument(
        "--compact", action="store_true", help="store tokens entropy-coded, in fewer bits"
    )


def add_force(parser: argparse.ArgumentParser) -> None:
    """Adds `--force`."""
    parser.add_argument("--force", action="store_true", help="replace outputs that exist")
