"""Tables that list audio: tab- or comma-separated, Parquet, or a JSON object per line."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet

from audiotok_jax import jsonfile
from audiotok_jax.data import text
from audiotok_jax.files import irregular
from audiotok_jax.formats import TABLES

_SEPARATORS = (",", ";", "\t")
"""Of `.csv`; spreadsheets of half of Europe write the second."""


class Row(NamedTuple):
    """One clip of a table; `columns` holds what else is said of it, as text, "" left out."""

    path: str
    corpus: str
    columns: Mapping[str, str]


def beside(place: Path) -> Path | None:
    """The table of the same name beside a file or folder, if there is one."""
    place = place.resolve()
    for suffix in TABLES:
        table = place.with_name(place.name + suffix)
        if table.is_file():
            return table
    return None


def read(table: Path) -> list[Row]:
    """Reads a table with the column `path` and, where known, `corpus` and others.

    Each row becomes a `Row`, or the table is refused: none is left out. In `.tsv` nothing is quoted
    (a `"` is a letter); `.csv` is as RFC 4180 has it, separated by `,`, `;` or tabs, but no field
    may run over lines, as one does whose closing quote is missing. Columns without a name, such as
    an index, and columns of bytes are left out. Where no corpus is said, it is the name of the
    table.

    Raises:
        ValueError: it has no column `path`, or a row that cannot be read, or two rows have the same
            `id`, or the same path and no `id`; the message names them.
        OSError: the disk does not give it.
    """
    if table.suffix not in _READERS:
        raise ValueError(f"{table}: is no table ({' '.join(TABLES)})")
    if kind := irregular(table):
        raise ValueError(f"{table}: is {kind}, not a file")
    rows = []
    owners: dict[tuple[bool, str], Place] = {}
    try:
        for place, fields in _READERS[table.suffix](table):
            columns = {name: as_said for name, as_said in _texts(place, fields) if as_said}
            path, corpus = columns.pop("path", None), columns.pop("corpus", table.stem)
            if path is None:
                raise ValueError(f"{place} has no 'path'")
            if not isinstance(fields["path"], str):
                raise ValueError(f"the path of {place} is no text: {path[:40]}")
            named = "id" in columns
            name = columns["id"] if named else os.path.normpath(path)
            if (other := owners.setdefault((named, name), place)) != place:
                raise ValueError(f"{other} and {place} have the same id, {name!r}")
            rows.append(Row(path, corpus, columns))
    except (ValueError, RecursionError, OSError, pyarrow.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:  # or it is Arrow's
            raise
        reason = " ".join(str(error).split())
        raise ValueError(f"{table}: {reason.removeprefix(f'{table}: ')}") from None
    return rows


_NAMED = ("path", "id", "corpus")
"""Columns by which clips are found, which must be text."""

Place = str
"""Where a row stands, for messages."""


def _texts(place: Place, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if name in _NAMED and isinstance(value, bytes):
            raise ValueError(f"the {name} of {place} is no text, but bytes")
        if not name or value is None or value != value or isinstance(value, bytes):  # or NaN
            continue
        said = json.dumps(value) if isinstance(value, dict | list) else str(value)
        if "\0" in said or not _is_text(said):
            raise ValueError(f"{place} has letters in {name!r} that no text has")
        yield name, said


def _is_text(said: str) -> bool:
    try:
        said.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _in_tsv(table: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    return _below_header(
        (number, line.split("\t"))
        for number, line in enumerate(text.lines(table), 1)
        if line.strip(" ")
    )


def _in_csv(table: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    lines = text.lines(table)
    first = next((line for line in lines if line.strip()), "")
    headers = {one: next(csv.reader([first], delimiter=one), []) for one in _SEPARATORS}
    separator = next((one for one in _SEPARATORS if "path" in _names(headers[one])), ",")
    return _below_header(_records(lines, separator))


def _records(lines: Sequence[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator, strict=True)
    before = 0
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise ValueError(f"line {before + 1} is no CSV: {error}") from None
        if fields is None:
            return
        if reader.line_num > before + 1:
            raise ValueError(
                f"line {before + 1} has a quoted field that runs over lines: a quote is missing "
                "(.jsonl and .parquet take text of several lines)"
            )
        before = reader.line_num
        if fields:
            yield before, fields


def _below_header(
    records: Iterator[tuple[int, list[str]]],
) -> Iterator[tuple[Place, dict[str, Any]]]:
    _, header = next(records, (0, []))
    names = _names(header)
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ValueError(f"the column {twice[0]!r} is there twice")
    if "path" not in names:
        raise ValueError(f"there is no column 'path', only {', '.join(map(repr, names))[:200]}")
    for number, fields in records:
        if len(fields) != len(names):
            raise ValueError(f"line {number} has {len(fields)} fields, and the header {len(names)}")
        yield f"line {number}", dict(zip(names, fields, strict=True))


def _names(header: Sequence[str]) -> list[str]:
    return [name.strip() for name in header]


def _in_jsonl(table: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    for number, line in enumerate(text.lines(table), 1):
        if not line.strip():
            continue
        try:
            fields = jsonfile.parse(line, nan=False)
        except ValueError as error:
            raise ValueError(f"line {number} is no JSON: {error}") from None
        if not isinstance(fields, dict):
            raise ValueError(f"line {number} is no JSON object: {line.strip()[:40]}")
        yield f"line {number}", fields


def _in_parquet(table: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    with pyarrow.parquet.ParquetFile(table) as file:
        names = file.schema_arrow.names
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"the column {twice[0]!r} is there twice")
        if "path" not in names:
            raise ValueError(f"there is no column 'path', only {', '.join(map(repr, names))[:200]}")
        number = 0
        for batch in file.iter_batches(columns=[n for n in names if _is_said(file, n)]):
            for fields in batch.to_pylist():
                number += 1
                yield f"row {number}", fields
        if number != file.metadata.num_rows:
            raise ValueError(f"damaged: {number} of {file.metadata.num_rows} rows are there")


def _is_said(file: pyarrow.parquet.ParquetFile, name: str) -> bool:
    """Whether a column is more than bytes, which may be the audio itself."""
    kind = file.schema_arrow.field(name).type
    return name in _NAMED or not (
        pyarrow.types.is_binary(kind)
        or pyarrow.types.is_large_binary(kind)
        or pyarrow.types.is_fixed_size_binary(kind)
        or pyarrow.types.is_nested(kind)
    )


_READERS: Mapping[str, Callable[[Path], Iterator[tuple[Place, dict[str, Any]]]]] = {
    ".tsv": _in_tsv,
    ".csv": _in_csv,
    ".parquet": _in_parquet,
    ".jsonl": _in_jsonl,
}
