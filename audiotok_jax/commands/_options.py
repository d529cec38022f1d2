"""Options that several subcommands have, and the types of their values."""

from __future__ import annotations

import argparse
import os


def path(text: str) -> str:
    """A path; a shell leaves the `~` of `--out=~/x` as it is."""
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
    """Adds the inputs, of which `what` says what they may be."""
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help=what)


def add_out(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds `--out`, for outputs that have a default place; see `jobs.targets_at`."""
    parser.add_argument(
        "-o",
        "--out",
        type=path,
        help=f"{what}; default: beside the input, or standard output for standard input",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Adds the fields of `audio.Reading`."""
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
        help="what to do with audio that is cut or damaged; keep takes what is there, and says "
        "what; default: %(default)s",
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
