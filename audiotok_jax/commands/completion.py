"""Print a script that completes commands, options and files in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from audiotok_jax.commands import _options as options

EXAMPLES = (
    'eval "$(audiotok completion bash)"       completes in this shell',
    "audiotok completion zsh >_audiotok        into a folder of $fpath",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="that is to read it")


def run(args: argparse.Namespace) -> int:
    """Prints the script; returns 0."""
    import shtab

    from audiotok_jax import cli

    parser = cli.parser()
    for action in _actions(parser):
        if action.dest in ("inputs", "config") or action.type is options.path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
