"""Strict reading of text files: no byte is replaced and no line is lost."""

from __future__ import annotations

import codecs
import re
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
# And not `str.splitlines`, which cuts at U+2028, U+0085 and others that names may hold.
_ENDS = re.compile(r"\r\n|\r|\n")


def lines(path: Path) -> list[str]:
    """The lines of a file, without their ends; line n is element n - 1.

    UTF-8, or what a byte order mark says; lines end in LF, CR LF or CR.

    Raises:
        ValueError: it is no such text; the message names the line.
        OSError: the disk does not give it.
    """
    if kind := irregular(path):
        raise ValueError(f"{path}: is {kind}, not a file")
    with open(path, "rb") as file:
        data = file.read(_HEAD)
        mark, encoding = next((one for one in _MARKS if data.startswith(one[0])), (b"", "utf-8"))
        if encoding != "utf-8" or b"\0" not in data:  # or it may be a hole of any size
            data += file.read()
    data = data[len(mark) :]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        number = len(_ENDS.split(data[: error.start].decode(encoding, "replace")))
        raise ValueError(
            f"{path}: line {number} is no {encoding.upper()} (byte 0x{data[error.start]:02x}); "
            "save the file as UTF-8"
        ) from None
    found = _ENDS.split(text)
    found = [line.removeprefix("\ufeff") for line in found]  # of files that were joined
    for number, line in enumerate(found, 1):
        if "\0" in line:
            raise ValueError(f"{path}: line {number} holds a NUL byte; save the file as UTF-8 text")
    return found[:-1] if not found[-1] else found
