"""Opening files to read; pipes are copied to a temporary file first."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from typing import IO

from audiotok_jax.audio.samples import AudioError


def open_regular(path: str | os.PathLike[str], name: str) -> IO[bytes]:
    """Opens a file to read; a pipe is copied to a temporary file first, to allow seeking.

    Raises:
        AudioError: it is a folder or a device.
        OSError: it does not exist, or cannot be read or copied.
    """
    if os.fspath(path) == "-":
        return _spool(sys.stdin.buffer, name)
    try:
        mode = os.stat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISDIR(mode)):
            raise AudioError("is a device, not an audio file")
        file = open(path, "rb")
    except IsADirectoryError:
        raise AudioError("is a folder, not an audio file") from None
    mode = os.fstat(file.fileno()).st_mode
    if stat.S_ISREG(mode):
        return file
    with file:
        if stat.S_ISFIFO(mode):
            return _spool(file, name)
    raise AudioError("is a device, not an audio file")


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
