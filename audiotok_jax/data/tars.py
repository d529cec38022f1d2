"""Audio in tar files (the WebDataset format), read in place without unpacking the tars."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from audiotok_jax.audio.source import Source, View
from audiotok_jax.data import patterns, tables
from audiotok_jax.data.clips import Skipped
from audiotok_jax.data.folders import corpus_of, inside
from audiotok_jax.data.recordings import Entry, Recording, unpacked
from audiotok_jax.files import irregular, search
from audiotok_jax.formats import AUDIO_READ, TAR

_BLOCK = 512
"""Alignment of members of a tar, in bytes."""
_MOST = 1 << 24
"""Longest name or comment in bytes."""


class Member(NamedTuple):
    """A file in a tar, as the range of its bytes; a `Place`."""

    container: str
    name: str
    offset: int
    size: int

    @property
    def path(self) -> str:
        """Path of the tar, followed by the name."""
        return f"{self.container}/{self.name}"

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """See `Place`."""
        with open(self.container, "rb") as tar:
            yield cast(IO[bytes], View(Source(tar), [range(self.offset, self.offset + self.size)]))

    def local(self) -> AbstractContextManager[str]:
        """See `Place`."""
        return unpacked(self)


def members(location: str) -> Iterator[Entry | Skipped]:
    """The audio files in some tars, found by the headers of the tars alone.

    Args:
        location: a tar, a folder of tars, or a pattern; see `patterns`. Its stem names its table:
            if there is one, such as `speech.tsv` for `speech-{000..012}.tar`, its rows are the
            clips; otherwise all members with a suffix of audio are, and the top-level folders below
            `speech/` are the corpora.

    Yields:
        A file; or a `Skipped` for a member that is not a file, the rest of a damaged tar, or a row
        of the table without a member.

    Raises:
        ValueError: the table cannot be read or lists a member twice, or a folder of tars also holds
            audio files.
        OSError: the location does not exist.
    """
    place = patterns.stem(location, TAR)
    table = tables.beside(place)
    rows = None if table is None else _rows(table, place.name)
    listed = set()
    for path in _expanded(location):
        for entry in _entries(path):
            if isinstance(entry, Skipped):
                yield entry
                continue
            name = inside(entry.name, place.name)
            if not (_is_audio(name) if rows is None else name in rows):
                continue
            listed.add(name)
            if entry.fault:
                yield Skipped(f"{path}/{entry.name}", entry.fault)
                continue
            member = Member(path, entry.name, entry.offset, entry.size)
            plain = tables.Row(name, corpus_of(name, place.name), {})
            _, corpus, columns, span = plain if rows is None else rows[name]
            yield Entry(Recording(member, span), name, corpus, columns)
    for name in sorted(set(rows or ()) - listed):
        yield Skipped(f"{table}: {name}", "no such member in the tars")


class _Entry(NamedTuple):
    """A member of a tar, and the reason if it cannot be read."""

    name: str
    offset: int
    size: int
    fault: str = ""


def _rows(table: Path, place: str) -> dict[str, tables.Row]:
    rows: dict[str, tables.Row] = {}
    for row in tables.read(table):
        name = inside(row.path, place)
        if name in rows:
            raise ValueError(f"{table}: lists {name} twice")
        rows[name] = row
    return rows


class _Bounded(io.BufferedReader):
    """A file with bounded reads, as tarfile allocates whatever size a header announces."""

    def read(self, size: int | None = -1) -> bytes:
        """See `io`; tarfile.ReadError for more bytes than any name has."""
        if size is not None and size > _MOST:
            raise tarfile.ReadError(f"it announces a name or comment of {size} bytes")
        return super().read(size)


def _entries(path: str) -> Iterator[_Entry | Skipped]:
    """Members of a tar, or of several concatenated ones, with links resolved."""
    if kind := irregular(path):
        yield Skipped(path, f"is {kind}, not a tar")
        return
    with _Bounded(io.FileIO(path)) as data:
        total = os.fstat(data.fileno()).st_size
        start: int | None = 0
        while start is not None:
            data.seek(start)
            try:
                with tarfile.open(fileobj=data, mode="r:") as tar:
                    yield from _in_one(tar, total)
                    end = tar.offset
                if end == start:
                    raise tarfile.ReadError("no header of a member")
            # tarfile does not catch errors of invalid numbers.
            except (tarfile.TarError, ValueError, OverflowError) as error:
                where = f" from byte {start} on" if start else ""
                yield Skipped(path, f"not a whole, uncompressed tar{where}: {error}")
                return
            if end >= total:
                yield Skipped(path, "has no end mark: it was cut, or is not finished")
            start = _after(data, end)


def _in_one(tar: tarfile.TarFile, total: int) -> Iterator[_Entry]:
    files: dict[str, _Entry] = {}
    links = []
    last = -1
    for entry in tar:
        if entry.size < 0 or entry.offset <= last:  # which would loop forever
            raise tarfile.ReadError(f"the header at byte {entry.offset} is damaged")
        last = entry.offset
        fault = ""
        if entry.issym():
            links.append((entry.name, os.path.join(os.path.dirname(entry.name), entry.linkname)))
            continue
        if entry.isdir() and not _is_audio(entry.name):
            continue
        found = _Entry(entry.name, entry.offset_data, entry.size)
        if entry.islnk():  # to a member before it
            other = files.get(os.path.normpath(entry.linkname))
            fault = "" if other else f"is a link to {entry.linkname}, which is not in the tar"
            found = other._replace(name=entry.name) if other else found
        elif not entry.isfile():
            fault = "is no file"
        elif entry.issparse():
            fault = "is stored with holes, as `tar --sparse` does; pack it without"
        elif entry.offset_data + entry.size > total:
            fault = "is cut short: the tar ends within it"
        found = found._replace(fault=found.fault or fault)
        files[os.path.normpath(entry.name)] = found
        yield found
    for name, target in links:
        linked = _resolved(os.path.normpath(target), files, dict(links))
        if linked is None:
            yield _Entry(name, 0, 0, f"is a link to {target}, which is not in the tar")
        else:
            yield linked._replace(name=name)


def _resolved(target: str, files: Mapping[str, _Entry], links: Mapping[str, str]) -> _Entry | None:
    """The target of symbolic links; None if there is none or they are circular."""
    for _ in range(len(links) + 1):
        if target in files:
            return files[target]
        target = os.path.normpath(links.get(target, ""))
    return None


def _after(data: IO[bytes], end: int) -> int | None:
    """Offset of the next concatenated tar, after zeros; None if there is none."""
    data.seek(end)
    while block := data.read(_BLOCK * 64):
        rest = block.lstrip(b"\0")
        if rest:
            return end + (len(block) - len(rest)) // _BLOCK * _BLOCK
        end += len(block)
    return None


def _is_audio(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.lower().endswith(AUDIO_READ) and not last.startswith(".")


def _expanded(location: str) -> list[str]:
    """The tars that a location names, sorted."""
    path = Path(location)
    if not path.is_dir():
        return patterns.expanded(location)
    beside = next(search(path, AUDIO_READ), None)
    if beside is not None:
        raise ValueError(f"{location}: holds tars, and {beside.name} beside them; part them")
    return sorted(map(str, path.glob(f"*{TAR}")))
