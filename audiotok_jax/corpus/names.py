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
"""Longest name that file systems support, and longest path below a folder, in bytes."""

_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])( *\..*)?", re.IGNORECASE)  # of Windows
_DIGEST = re.compile(r"-[0-9a-f]{16}$")


def names(ids: Iterable[str], suffix: str) -> dict[str, str]:
    """Unique relative paths for ids, none of which is a parent folder of another.

    A path is the id with the suffix. If the id is not valid as a path (it leads out of the folder,
    is too long or has control characters), or some file systems do not distinguish it from another
    id, the path consists of the readable characters of the id and a digest. It therefore depends
    only on the id and on the ids that it clashes with.

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
        and not parts[-1].startswith(".")  # hidden files are not found in folders
        and not _DIGEST.search(path.removesuffix(suffix))  # may be the digest of another id
    )


def _is_name(part: str) -> bool:
    return (
        0 < len(part.encode(errors="replace")) <= MAX_NAME
        and part[-1] not in ". "  # dropped by Windows; "." and ".." are other folders
        and not _DEVICE.fullmatch(part)
        and not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in part)
    )


def _digested(one: str) -> str:
    digest = hashlib.sha256(one.encode(errors="surrogatepass")).hexdigest()[:16]
    readable = re.sub(r"[^\w.-]+", "_", one)[-40:].strip("._-")
    return f"{readable or 'clip'}-{digest}"
