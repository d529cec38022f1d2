"""`audiotok corpus`: makes, checks and reads corpora of tokens, an action in each module."""

from __future__ import annotations

import argparse
import importlib


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    # Imported here, so that an action does not wait for what another one needs.
    module = importlib.import_module(f"{__name__}.{args.action}")
    code: int = module.run(args)
    return code
