"""Finding files and replacing them atomically."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import secrets
import shutil
import stat
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Values of `OSError.errno` for a full disk."""

logger = logging.getLogger(__name__)


def find(paths: Iterable[str | os.PathLike[str]], suffixes: tuple[str, ...]) -> list[Path]:
    """Returns the files that `paths` names.

    Args:
        paths: files with any suffix, "-" for standard input, and folders, see `search`; pipes and
            devices in folders are left out with a warning.
        suffixes: in lower case, with their dots.

    Returns:
        Each file once, in the order of `paths`; the files of one folder are sorted.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: a folder holds no such file.
    """
    if isinstance(paths, str | os.PathLike):  # otherwise a string would be iterated by character
        paths = [paths]
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(filter(_is_wanted, search(path, suffixes)))
            if not inside:
                raise ValueError(f"{path}: no file in this folder ends in {' '.join(suffixes)}")
            found.update(dict.fromkeys(inside))
        else:
            if str(path) != "-":
                path.stat()  # raises if it does not exist
            found[path] = None
    return list(found)


def search(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """All paths below a folder that end in one of `suffixes`, of any file type.

    Links to folders are followed, except for links to parent folders; a folder with several paths
    is searched once, preferably by a path without links. Dangling links are included whatever their
    names, as they may have been folders. Hidden files are left out.

    Raises:
        OSError: a folder cannot be searched.
    """

    def fail(error: OSError) -> None:  # os.walk ignores unreadable folders by default
        raise error

    seen = set()
    starts = [folder]
    while starts:
        links = []
        for start in sorted(starts):
            for where, folders, names in os.walk(start, onerror=fail):
                status = os.stat(where)
                if (status.st_dev, status.st_ino) in seen:
                    folders.clear()
                    continue
                seen.add((status.st_dev, status.st_ino))
                links += [path for name in folders if _leads_away(path := Path(where, name))]
                for name in folders + names:
                    path = Path(where, name)
                    named = name.lower().endswith(suffixes) or not path.exists()
                    if named and not name.startswith("."):
                        yield path
        starts = links


def irregular(path: str | os.PathLike[str]) -> str:
    """The type of a path that is not a regular file, such as "a pipe"; "" for a regular file.

    Raises:
        OSError: it does not exist.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISREG(mode):
        return ""
    return {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}.get(
        stat.S_IFMT(mode), "a device"
    )


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path beside `path`, whose file replaces it if the block succeeds.

    If the block raises, the temporary file is removed and `path` stays as it was. Errors name
    `path`, not the temporary file.

    Raises:
        FileNotFoundError: there is no such folder.
        FileExistsError: `path` is not a regular file.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "is no regular file, so not replaced", str(target))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(target.parent))
    with standing_in(target, target.with_name(f".{secrets.token_hex(8)}.tmp")) as temporary:
        yield temporary
        os.replace(temporary, target)


def write(path: str | os.PathLike[str], data: str | bytes) -> None:
    """Writes a whole file, text as UTF-8, in place of what is there; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, 64 hexadecimal digits; OSError if it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields an empty temporary folder near `folder`, which replaces it if the block succeeds.

    Missing parent folders are made. If the block raises, the temporary folder is removed and
    `folder` stays as it was. Errors name `folder`, not the temporary one.

    Raises:
        OSError: it cannot be written.
    """
    target = Path(os.path.realpath(folder))
    there = next(above for above in target.parents if above.exists())
    with (
        standing_in(target, there / f".{secrets.token_hex(8)}.tmp") as temporary,
        standing_in(target, temporary / "new") as new,
    ):
        new.mkdir(parents=True)
        yield new
        target.parent.mkdir(parents=True, exist_ok=True)
        old = temporary / "old"
        try:
            if target.exists():
                target.rename(old)
            new.rename(target)
        finally:
            if old.exists() and not target.exists():
                old.rename(target)


@contextmanager
def standing_in(target: Path, temporary: Path) -> Iterator[Path]:
    """Yields `temporary`, a path for a file or folder that is to replace `target`.

    It is removed at the end of the block if it still exists. Errors name `target`.
    """
    _begun[temporary] = target
    try:
        yield temporary
    except Exception as error:
        _rename(error, str(temporary), str(target))
        raise
    finally:
        _remove(temporary)
        _begun.pop(temporary, None)


def discard_all() -> None:
    """Removes all temporary files, after a signal."""
    for path in list(_begun):
        _remove(path)


def final_names(text: str) -> str:
    """The text with temporary paths replaced by their targets."""
    for temporary, target in reversed(list(_begun.items())):  # the inner ones first
        text = text.replace(str(temporary), str(target))
    return text


def fold(path: str) -> str:
    """The form of a path in which some file systems compare: case-folded and composed (NFC)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def folds_case(folder: Path) -> bool:
    """Whether the file system of a folder, which need not exist yet, ignores case."""
    while not folder.is_dir():
        folder = folder.parent
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".case") as file:
            path = Path(file.name)
            return path.with_name(path.name.swapcase()).exists()
    except OSError:  # nothing can be written there, which is reported later
        return False


_begun: dict[Path, Path] = {}
"""Temporary paths in use, and their targets."""


def _remove(path: Path) -> None:
    with suppress(OSError):  # it does not exist or cannot be removed
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _rename(error: Exception, temporary: str, target: str) -> None:
    """Replaces the path in the message of an error."""
    if not isinstance(error, OSError) or error.errno is None:
        error.args = tuple(
            arg.replace(temporary, target) if isinstance(arg, str) else arg for arg in error.args
        )
    elif error.filename is None:
        if error.errno in FULL:  # writing does not name the file
            error.filename = target
    elif isinstance(error.filename, str) and temporary in error.filename:
        error.filename = error.filename.replace(temporary, target)
        if error.filename2 is not None:  # of a renaming
            del error.filename2


def _is_wanted(path: Path) -> bool:
    """Whether a path is a file or a dangling link, which is reported when it is read."""
    if path.is_dir():
        return False
    kind = path.exists() and irregular(path)
    if kind:
        logger.warning("left out: %s: is %s, no regular file", path, kind)
    return not kind


def _leads_away(path: Path) -> bool:
    """Whether a folder is a link to a folder that is not one of its parents."""
    return path.is_symlink() and path.resolve() not in path.parent.resolve().joinpath("x").parents
