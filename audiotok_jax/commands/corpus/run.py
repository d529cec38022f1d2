"""`audiotok corpus run`: audio to a corpus of tokens."""

from __future__ import annotations

import argparse


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    raise NotImplementedError
