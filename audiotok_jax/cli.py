"""The command `audiotok`: its arguments and its exit codes; `commands` does the work."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from audiotok_jax.jobs import AUDIO_SUFFIXES, TOKEN_SUFFIXES, complain


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    Args:
        argv: the arguments; None takes those of the process.

    Returns:
        The exit code: 0 all well, 1 something failed (a line on standard error says what), 130
        interrupted, 141 the reader of standard output went away.  A wrong argument exits with 2.
    """
    args = _parser().parse_args(argv)
    try:
        from audiotok_jax import commands  # here, so that --help stays fast

        code: int = getattr(commands, args.command)(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Or Python complains once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, OSError, FloatingPointError) as error:
        complain(error)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="audiotok", description="Speech to 16-bit tokens and back.", allow_abbrev=False
    )
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    encode = _verb(
        verbs,
        "encode",
        "turn speech into tokens",
        "audiotok encode talk.flac                      writes talk.atok",
        "audiotok encode corpus/ -o tokens/             keeps the folders of corpus/",
        "audiotok encode - -o - <talk.wav >talk.atok    reads and writes pipes",
    )
    _inputs(encode, "audio files, folders of them, or - for standard input")
    _out(encode, "a token file for one input, a folder for many, or - for standard output")
    encode.add_argument(
        "--format",
        choices=[suffix[1:] for suffix in TOKEN_SUFFIXES],
        help="of the tokens; default: what the name of OUT says, else atok",
    )
    _model(encode)
    _force(encode)

    decode = _verb(
        verbs,
        "decode",
        "turn tokens into speech",
        "audiotok decode talk.atok -o again.wav",
        "audiotok decode tokens/ -o speech/ --suffix .flac",
    )
    _inputs(decode, "token files (.atok, .npy, .json), folders of them, or - for standard input")
    _out(decode, "an audio file for one input, a folder for many, or - for standard output (WAV)")
    decode.add_argument(
        "--suffix",
        choices=AUDIO_SUFFIXES,
        help="format of the audio; default: what the name of OUT says, else .wav",
    )
    _model(decode)
    _force(decode)

    roundtrip = _verb(
        verbs,
        "roundtrip",
        "encode, decode, and show both",
        "audiotok roundtrip talk.flac -o compare/",
        about="""\
For each input NAME, writes NAME.wav (from the tokens), NAME.original.wav (the input as the model
hears it), NAME.atok and NAME.png (spectrograms of both), and prints a row: kbps is that of the
tokens, ratio compares them with samples of 16 bits, the speeds are multiples of real time.""",
    )
    _inputs(roundtrip, "audio files, folders of them, or - for standard input")
    roundtrip.add_argument("-o", "--out", required=True, help="a folder")
    _model(roundtrip)
    _force(roundtrip)

    info = _verb(
        verbs,
        "info",
        "describe .atok files, or this installation",
        "audiotok info talk.atok",
        "audiotok info",
    )
    info.add_argument("inputs", nargs="*", metavar="FILE", help=".atok files")

    stats = _verb(
        verbs,
        "stats",
        "tell how well tokens use their code",
        "audiotok stats tokens/ --plot usage.svg",
        "audiotok stats printed.txt --json - | jq .usage",
        about="""\
Takes all tokens together and prints how many ids occur, their entropy, and what the bits of a
token and of neighbouring tokens have in common. Also reads text with whole tensors as PyTorch
prints them, tensor([[ 9071, 22264]]), so that streams of other systems can be compared.""",
    )
    _inputs(stats, "token files (.atok, .npy, .json, text), folders of them, or - for stdin")
    stats.add_argument(
        "--bits",
        type=int,
        choices=range(1, 33),
        default=16,
        metavar="N",
        help="per token; default: 16",
    )
    stats.add_argument("--json", metavar="FILE", help="write JSON; - prints it, and no table")
    stats.add_argument("--plot", metavar="FILE", help="write a picture, .png or .svg")
    _force(stats)

    train = _verb(
        verbs,
        "train",
        "train a model",
        "audiotok train --preset small-50hz --data corpus/ --out runs/a --minutes 30",
        "audiotok train --preset small-50hz --data corpus/ --out runs/a --minutes 30 --resume",
        # What is not given stays out, so that the defaults live in TrainConfig alone.
        argument_default=argparse.SUPPRESS,
    )
    train.add_argument("--preset", required=True, metavar="NAME", help="see `audiotok info`")
    train.add_argument(
        "--data", required=True, nargs="+", metavar="DIR", help="folders or tables of audio"
    )
    train.add_argument("--out", required=True, metavar="RUN", help="folder of the run")
    train.add_argument("--minutes", type=float, metavar="M", help="stop after this time")
    train.add_argument("--steps", type=int, metavar="N", help="stop after this many steps")
    train.add_argument("--resume", action="store_true", help="go on from the last save in RUN")
    train.add_argument("--init", metavar="WEIGHTS", help="start from this model")
    train.add_argument(
        "--stage", type=int, choices=(1, 2), help="1: everything; 2: the decoder, adversarially"
    )
    train.add_argument("--batch-size", type=int, metavar="N", help="clips per step")
    train.add_argument("--seconds", type=float, metavar="S", help="length of a clip")
    train.add_argument("--learning-rate", type=float, metavar="LR", help="its highest value")
    train.add_argument(
        "--precision", choices=("bfloat16", "float32"), help="of the large matrix products"
    )
    train.add_argument("--seed", type=int, metavar="N", help="of everything random")
    train.add_argument("--save-minutes", type=float, metavar="M", help="time between saves")
    return parser


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    *examples: str,
    about: str | None = None,
    argument_default: str | None = None,
) -> argparse.ArgumentParser:
    return verbs.add_parser(
        name,
        help=summary,
        description=about or f"{summary[0].upper()}{summary[1:]}.",
        epilog="\n  ".join(["examples:" if len(examples) > 1 else "example:", *examples]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argument_default,
        allow_abbrev=False,
    )


def _inputs(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help=what)


def _out(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "-o",
        "--out",
        help=f"{what}; default: beside the input, or standard output for standard input",
    )


def _model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", metavar="PATH_OR_NAME", help="default: the model that comes with the package"
    )


def _force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace outputs that exist")
