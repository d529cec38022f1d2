"""Unique file names for clips, valid on any file system."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from audiotok_jax.files import fold

MAX_NAME, MAX_PATH = 255, 1000
"""Bytes of a name that file systems take, and of a path below a folder that has a path itself."""

_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])( *\..*)?", re.IGNORECASE)  # of Windows
_DIGEST = re.compile(r"-[0-9a-f]{16}$")


def names(ids: Iterable[str], suffix: str) -> dict[str, str]:
    """Gives each id a path below a folder; none is that of another one, or a folder on its way.

    That is the id and the suffix. Where the id is no good as a path (it leads elsewhere, is too
    long or has characters that no name should have), or some file systems take it for another
    one's, it is what can be read of the id and a digest of it. So it depends on nothing else than
    the id and what it clashes with.

    Args:
        ids: of clips.
        suffix: of the files, with its dot.
    """
    plain = {one: f"{one}{suffix}" for one in ids}
    good = {one: fold(path) for one, path in plain.items() if _is_good(path, suffix)}
    count = Counter(good.values())
    folders = {str(above) for path in good.values() for above in PurePosixPath(path).parents}
    return {
        one: path
        if one in good and count[good[one]] == 1 and good[one] not in folders
        else f"{_digested(one)}{suffix}"
        for one, path in plain.items()
    }


def _is_good(path: str, suffix: str) -> bool:
    parts = path.split("/")
    return (
        len(path.encode(errors="replace")) <= MAX_PATH
        and all(map(_is_name, parts))
        and not parts[-1].startswith(".")  # which folders are searched without
        and not _DIGEST.search(path.removesuffix(suffix))  # that of another one
    )


def _is_name(part: str) -> bool:
    return (
        0 < len(part.encode(errors="replace")) <= MAX_NAME
        and part[-1] not in ". "  # which Windows leaves out; "." and ".." lead elsewhere
        and not _DEVICE.fullmatch(part)
        and not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in part)
    )


def _digested(one: str) -> str:
    digest = hashlib.sha256(one.encode(errors="surrogatepass")).hexdigest()[:16]
    readable = re.sub(r"[^\w.-]+", "_", one)[-40:].strip("._-")
    return f"{readable or 'clip'}-{digest}"
