"""`audiotok corpus verify`: whether a corpus is whole, and as its model makes it."""

from __future__ import annotations

import argparse


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    raise NotImplementedError
