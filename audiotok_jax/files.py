"""Finding files, and replacing them whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def find(paths: Iterable[str | os.PathLike[str]], suffixes: tuple[str, ...]) -> list[Path]:
    """Returns the files that `paths` names.

    Args:
        paths: files, taken as they are whatever their suffix ("-", standard input, too), and
            folders, searched with all their subfolders for names that end in one of `suffixes`;
            names that start with a dot are left out.
        suffixes: in lower case, with their dots.

    Returns:
        Each file once, in the order of `paths`; the files of one folder are sorted.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: a folder holds no such file.
    """
    if isinstance(paths, str | os.PathLike):  # or the letters of one string would be searched
        paths = [paths]
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(_search(path, suffixes))
            if not inside:
                raise ValueError(f"{path}: no file in this folder ends in {' '.join(suffixes)}")
            found.update(dict.fromkeys(inside))
        else:
            if str(path) != "-":
                path.stat()  # raises if it does not exist
            found[path] = None
    return list(found)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path beside `path`, put in its place if the block ends well.

    If the block raises, the temporary file is removed and what was at `path` stays.

    Raises:
        FileNotFoundError: there is no such folder.
        FileExistsError: `path` is a folder or a device, which must not be replaced.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "is no regular file, so not replaced", str(target))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(target.parent))
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _search(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    def fail(error: OSError) -> None:  # or os.walk passes over folders it may not read
        raise error

    for where, _, names in os.walk(folder, onerror=fail):
        for name in names:
            if name.lower().endswith(suffixes) and not name.startswith("."):
                yield Path(where, name)
