"""Opening files to read; pipes are copied to a temporary file first."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import IO

from audiotok_jax.audio.samples import AudioError
from audiotok_jax.files import irregular


def open_regular(path: str | os.PathLike[str], name: str) -> IO[bytes]:
    """Opens a file to read; a pipe is copied to a temporary file first, to allow seeking.

    Raises:
        AudioError: it is a folder, a device or a socket.
        OSError: it does not exist, or cannot be read or copied.
    """
    if os.fspath(path) == "-":
        return _spool(sys.stdin.buffer, name)
    kind = irregular(path)
    if kind not in ("", "a pipe"):
        raise AudioError(f"is {kind}, not an audio file")
    file = open(path, "rb")
    if not kind:
        return file
    with file:
        return _spool(file, name)


def _spool(source: IO[bytes], name: str) -> IO[bytes]:
    temporary = tempfile.NamedTemporaryFile()
    try:
        shutil.copyfileobj(source, temporary)
        temporary.seek(0)
    except OSError as error:
        temporary.close()
        where = f"{name}: its copy in {tempfile.gettempdir()}"
        raise OSError(error.errno, error.strerror, where) from None
    except BaseException:
        temporary.close()
        raise
    return temporary
