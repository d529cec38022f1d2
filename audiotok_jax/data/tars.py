"""Audio in tar files (the WebDataset format), read in place: nothing is unpacked."""

from __future__ import annotations

import glob
import io
import itertools
import os
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.data import audio_files, tables
from audiotok_jax.data.clips import Clip, Skipped
from audiotok_jax.data.folders import corpus_of, inside
from audiotok_jax.files import irregular, search
from audiotok_jax.formats import AUDIO_READ, TAR

_BLOCK = 512
"""Bytes that all in a tar is aligned to."""
_MOST = 1 << 24
"""Bytes of a name or comment, and of what is asked for at once of a member."""
_NO_COLUMNS: Mapping[str, str] = {}
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}|\{([^{}]*,[^{}]*)\}")


class Member(NamedTuple):
    """A file in a tar, and where its bytes lie; `name` is that in the tar."""

    tar: str
    name: str
    offset: int
    size: int

    @property
    def path(self) -> str:
        """Of the tar, and the name in it."""
        return f"{self.tar}/{self.name}"

    @contextmanager
    def unpacked(self) -> Iterator[str]:
        """Gives the path of a temporary copy, which no error of `audio` shows."""
        with tempfile.NamedTemporaryFile() as copy:
            with open(self.tar, "rb") as tar:
                tar.seek(self.offset)
                copy.write(tar.read(self.size))
            copy.flush()
            try:
                yield copy.name
            except audio.AudioError as error:
                raise audio.AudioError(str(error).replace(copy.name, self.path)) from None


class Listed(NamedTuple):
    """A file in a tar that may be a clip; see `Clip`."""

    name: str
    corpus: str
    columns: Mapping[str, str]
    member: Member


class Tars:
    """The audio files in some tars, sorted by name; a `Source`."""

    def __init__(self, location: str, sample_rate: int):
        """Reads the headers of the tars, and of the audio in them.

        Args:
            location: a tar, a folder of them, or a pattern with `*`, `?`, `[...]`, `{000..012}` or
                `{a,b}`. What stands in it before suffix, pattern and number is its place: `speech`
                for `speech-{000..012}.tar` and for `speech-000.tar`. If there is a table beside
                it, as `speech.tsv`, its rows say which members are clips; otherwise all are that
                have a suffix of audio, and the topmost folders below `speech/` are the corpora.
            sample_rate: to read at, in Hz.

        Raises:
            ValueError: the table cannot be read, or a file is no tar.
            OSError: there is no such place.
        """
        self._sample_rate = sample_rate
        self.skipped: list[Skipped] = []
        found = []
        for one, data in members(location):
            if isinstance(one, Skipped):
                self.skipped.append(one)
            else:
                clip = self._measured(one, None if data is None else audio_files.header(data))
                if clip is not None:
                    found.append((clip, one.member))
        found.sort(key=lambda pair: pair[0].name)
        self.clips = [clip for clip, _ in found]
        self._members = [member for _, member in found]

    def read(self, number: int, start: int, stop: int) -> NDArray[np.int16]:
        """See `Source`."""
        with self._members[number].unpacked() as copy:
            return audio_files.read(copy, self._sample_rate, start, stop)

    def _measured(self, one: Listed, length: audio_files.Length | None) -> Clip | None:
        path, name, corpus, columns = one.member.path, one.name, one.corpus, one.columns
        try:
            if length is None:
                with one.member.unpacked() as copy:
                    length = audio_files.measure(copy)
            audio_files.check_length(length)
        except audio.AudioError as error:
            self.skipped.append(Skipped.because(path, error))
            return None
        samples = length.at(self._sample_rate)
        seconds, rate = samples / self._sample_rate, length.sample_rate
        return Clip(path, name, corpus, samples, seconds, rate, columns=columns)


def members(location: str) -> Iterator[tuple[Listed | Skipped, IO[bytes] | None]]:
    """The audio files in some tars, found by the headers of the tars alone.

    Args:
        location: see `Tars`.

    Yields:
        A file, and what reads its bytes until the next one is asked for; or, and None, what cannot
        be read: a member that is no file, what follows in a damaged tar, a row of the table that
        is in no tar.

    Raises:
        ValueError: the table cannot be read, or lists a member twice, or a folder of tars holds
            audio beside them.
        OSError: there is no such place.
    """
    place = _place(location)
    table = tables.beside(place)
    rows = None if table is None else _rows(table, place.name)
    listed = set()
    for path in _expanded(location):
        for entry, file in _entries(path):
            if isinstance(entry, Skipped):
                yield entry, None
                continue
            name = inside(entry.name, place.name)
            if not (_is_audio(name) if rows is None else name in rows):
                continue
            listed.add(name)
            row = None if rows is None else rows[name]
            corpus = corpus_of(name, place.name) if row is None else row.corpus
            columns = _NO_COLUMNS if row is None else row.columns
            if entry.fault:
                yield Skipped(f"{path}/{entry.name}", entry.fault), None
            else:
                member = Member(path, entry.name, entry.offset, entry.size)
                yield Listed(name, corpus, columns, member), file
    for name in sorted(set(rows or ()) - listed):
        yield Skipped(f"{table}: {name}", "no such member in the tars"), None


class _Entry(NamedTuple):
    """A member of a tar, and why it cannot be read, if so."""

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
    """A file that bounds reads: tarfile allocates whatever the header of a long name announces."""

    def read(self, size: int | None = -1) -> bytes:
        """See `io`; tarfile.ReadError for more than any name takes."""
        if size is not None and size > _MOST:
            raise tarfile.ReadError(f"it announces a name or comment of {size} bytes")
        return super().read(size)


def _entries(path: str) -> Iterator[tuple[_Entry | Skipped, IO[bytes] | None]]:
    """What is in a tar, or in several that were joined, with links resolved."""
    if kind := irregular(path):
        yield Skipped(path, f"is {kind}, not a tar"), None
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
            # tarfile lets through what it meets in bad numbers.
            except (tarfile.TarError, ValueError, OverflowError) as error:
                where = f" from byte {start} on" if start else ""
                yield Skipped(path, f"not a whole, uncompressed tar{where}: {error}"), None
                return
            if end >= total:
                yield Skipped(path, "has no end mark: it was cut, or is not finished"), None
            start = _after(data, end)


def _in_one(tar: tarfile.TarFile, total: int) -> Iterator[tuple[_Entry, IO[bytes] | None]]:
    files: dict[str, _Entry] = {}
    links = []
    last = -1
    for entry in tar:
        if entry.size < 0 or entry.offset <= last:  # and would lead round for ever
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
        yield found, None if found.fault else tar.extractfile(entry)
    for name, target in links:
        linked = _resolved(os.path.normpath(target), files, dict(links))
        if linked is None:
            yield _Entry(name, 0, 0, f"is a link to {target}, which is not in the tar"), None
        else:
            yield linked._replace(name=name), None


def _resolved(target: str, files: Mapping[str, _Entry], links: Mapping[str, str]) -> _Entry | None:
    """The file at the end of symbolic links; None if there is none, or they go in a circle."""
    for _ in range(len(links) + 1):
        if target in files:
            return files[target]
        target = os.path.normpath(links.get(target, ""))
    return None


def _after(data: IO[bytes], end: int) -> int | None:
    """Where the next tar begins in one file, behind zeros; None if nothing follows."""
    data.seek(end)
    while block := data.read(_BLOCK * 64):
        rest = block.lstrip(b"\0")
        if rest:
            return end + (len(block) - len(rest)) // _BLOCK * _BLOCK
        end += len(block)
    return None


def is_pattern(location: str) -> bool:
    """Whether this names tars by a pattern."""
    return location.endswith(TAR) and bool(_BRACES.search(location) or glob.has_magic(location))


def _is_audio(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.lower().endswith(AUDIO_READ) and not last.startswith(".")


def _place(location: str) -> Path:
    path = Path(location)
    if path.is_dir():
        return path.resolve()
    stem = re.split(r"[{*?\[]", path.name.removesuffix(TAR))[0]
    return path.with_name(re.sub(r"[-_.]*\d*$", "", stem) or stem or "tar")


def _expanded(location: str) -> list[str]:
    """The tars that a location names, sorted."""
    path = Path(location)
    if path.is_dir():
        beside = next(search(path, AUDIO_READ), None)
        if beside is not None:
            raise ValueError(f"{location}: holds tars, and {beside.name} beside them; part them")
        return sorted(map(str, path.glob(f"*{TAR}")))
    if path.exists():
        return [location]
    found: set[str] = set()
    for pattern in _braces(location):
        if glob.has_magic(pattern):
            found.update(glob.glob(pattern))
        else:
            os.stat(pattern)
            found.add(pattern)
    return sorted(found)


def _braces(pattern: str) -> Iterator[str]:
    """Expands `{000..012}` and `{a,b}` as a shell does."""
    braces = _BRACES.search(pattern)
    if braces is None:
        yield pattern
        return
    first, last, words = braces.groups()
    if words is None:
        numbers = range(int(first), int(last) + 1)
        choices = [str(number).zfill(len(first)) for number in numbers]
    else:
        choices = words.split(",")
    head, tail = pattern[: braces.start()], pattern[braces.end() :]
    yield from itertools.chain.from_iterable(_braces(head + choice + tail) for choice in choices)
