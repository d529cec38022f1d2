"""The command `audiotok`: parses arguments, runs a module of `commands`, returns an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from audiotok_jax import commands, compiled, signals, streams
from audiotok_jax.extras import MissingExtraError
from audiotok_jax.terminal import complain, tell_warnings


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand; without `argv`, with the arguments of the process.

    Returns:
        The exit code: 0 success, 1 failure (a line on standard error says why), 130 interrupted,
        141 the reader of standard output went away.  A wrong argument exits with 2, SIGTERM with
        143 and SIGHUP with 129.
    """
    streams.prepare()
    compiled.keep()
    tell_warnings()
    try:
        with signals.ending():
            args = _arguments(argv)
            code: int = args.run(args)
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        streams.drop()
        return 141
    except (ValueError, OSError, FloatingPointError, MissingExtraError) as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        stop = 130
    except signals.Ended as ended:
        stop = ended.code
    streams.drop()
    if argv is None:  # a normal exit would shut JAX down while its threads run, and crash
        sys.stderr.flush()
        os._exit(stop)
    if stop != 130:
        raise signals.Ended(stop)
    return stop


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    try:
        return parser().parse_args(argv)
    finally:
        sys.stdout.flush()  # of --help, which ends the process


def parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    found = argparse.ArgumentParser(
        prog="audiotok", description="Speech to 16-bit tokens and back.", allow_abbrev=False
    )
    found.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    _add_commands(found, commands.__name__, commands.__path__, "COMMAND")
    return found


def _add_commands(
    parser: argparse.ArgumentParser, package: str, path: Iterable[str], metavar: str
) -> None:
    """Adds the subcommands that the modules of a package describe; see `commands`."""
    parsers = parser.add_subparsers(required=True, metavar=metavar)
    for _, name, is_group in pkgutil.iter_modules(path):
        if name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{name}")
        title, _, about = (module.__doc__ or "").strip().partition("\n\n")
        examples = module.EXAMPLES
        own = parsers.add_parser(
            name,
            help=f"{title[:1].lower()}{title[1:]}".rstrip("."),
            description=about or title,
            epilog="\n  ".join(["examples:" if len(examples) > 1 else "example:", *examples]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if is_group:
            _add_commands(own, module.__name__, module.__path__, "ACTION")
        else:
            module.add_arguments(own)
            own.set_defaults(run=module.run)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from audiotok_jax.provenance import version

        print(f"audiotok_jax {version('audiotok_jax') or '(not installed)'}")
        parser.exit()
