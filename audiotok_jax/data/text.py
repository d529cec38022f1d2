"""Strict reading of text files: invalid bytes are errors."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from pathlib import Path

from audiotok_jax.files import irregular

# UTF-32 begins as UTF-16 does, so it comes first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD = 1 << 20
# Unlike `str.splitlines`, which also splits at U+2028, U+0085 and others that names may contain.
_ENDS = re.compile(r"\r\n|\r|\n")


def lines(path: Path) -> list[str]:
    """The lines of a file, without their ends; line n is element n - 1.

    The encoding is UTF-8 or that of a byte order mark; lines end in LF, CR LF or CR. A file that
    ends in `.gz` is unpacked.

    Raises:
        ValueError: it is not such text; the message names the line.
        OSError: it cannot be read.
    """
    if kind := irregular(path):
        raise ValueError(f"{path}: is {kind}, not a file")
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            data = file.read(_HEAD)
            mark, encoding = next((m for m in _MARKS if data.startswith(m[0])), (b"", "utf-8"))
            if encoding != "utf-8" or b"\0" not in data:  # or it may be a sparse file of any size
                data += file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: is no whole gzip file: {error}") from None
    data = data[len(mark) :]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        number = len(_ENDS.split(data[: error.start].decode(encoding, "replace")))
        raise ValueError(
            f"{path}: line {number} is no {encoding.upper()} (byte 0x{data[error.start]:02x}); "
            "save the file as UTF-8"
        ) from None
    found = [line.removeprefix("\ufeff") for line in _ENDS.split(text)]  # of concatenated files
    for number, line in enumerate(found, 1):
        if "\0" in line:
            raise ValueError(f"{path}: line {number} holds a NUL byte; save the file as UTF-8 text")
    return found[:-1] if not found[-1] else found
