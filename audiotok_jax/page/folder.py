"""Replacing a folder whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives an empty temporary folder beside `folder`, put in its place if the block ends well.

    If the block raises, the temporary folder is removed and what was at `folder` stays.

    Args:
        folder: its parents are made if they are not there; what it holds is removed.

    Raises:
        OSError: the disk does not take it.
    """
    target = Path(os.path.realpath(folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = target.with_name(f".{secrets.token_hex(8)}")
    new, old = hidden.with_suffix(".tmp"), hidden.with_suffix(".old")
    new.mkdir()
    try:
        yield new
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
