"""Tables that list audio: TSV, CSV, Parquet, JSON Lines, and manifests in JSON Lines."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet

from audiotok_jax import jsonfile
from audiotok_jax.data import manifests, text
from audiotok_jax.data.audio_files import WHOLE, Span
from audiotok_jax.files import irregular
from audiotok_jax.formats import MANIFESTS, TABLES

_SEPARATORS = (",", ";", "\t")
"""Of `.csv`; spreadsheets in many locales write semicolons."""


class Row(NamedTuple):
    """A row of a table; `columns` holds the other non-empty columns as text."""

    path: str
    corpus: str
    columns: Mapping[str, str]
    span: Span = WHOLE


def beside(place: Path) -> Path | None:
    """The table with the same name beside a file or folder, if there is one."""
    place = place.resolve()
    tables = (place.with_name(place.name + suffix) for suffix in TABLES)
    return next(filter(Path.is_file, tables), None)


def stem(table: Path) -> str:
    """The name of a table without its suffix, such as `.jsonl.gz`."""
    return table.name[: -len(_suffix(table))]


def read(table: Path) -> list[Row]:
    """Reads a table with the column `path` and, optionally, `corpus` and others, or a manifest.

    Every row becomes a `Row`; otherwise the table is rejected. `.tsv` has no quoting (a `"` is an
    ordinary character); `.csv` follows RFC 4180, separated by `,`, `;` or tabs, but a field must
    not contain a line break, as a missing quote would cause one. Columns without a name, such as an
    index, and columns of bytes are ignored. The default corpus is the name of the table. JSON Lines
    may also have the formats of `manifests`.

    Raises:
        ValueError: it has no column `path`, a row cannot be read, or two rows have the same `id`,
            or the same path and no `id`; the message names them.
        OSError: it cannot be read.
    """
    suffix = _suffix(table)
    if not suffix:
        raise ValueError(f"{table}: is no table ({' '.join(_READERS)})")
    if kind := irregular(table):
        raise ValueError(f"{table}: is {kind}, not a file")
    rows = []
    owners: dict[tuple[bool, str], Place] = {}
    with naming(table):
        for place, row in _READERS[suffix](table):
            fields, span = manifests.unified(place, row)
            columns = texts(place, fields)
            path, corpus = columns.pop("path", None), columns.pop("corpus", stem(table))
            if path is None:
                raise ValueError(f"{place} has no 'path'")
            if not isinstance(fields["path"], str):
                raise ValueError(f"the path of {place} is no text: {path[:40]}")
            named = "id" in columns
            name = columns["id"] if named else span.name(os.path.normpath(path))
            if (other := owners.setdefault((named, name), place)) != place:
                raise ValueError(f"{other} and {place} have the same id, {name!r}")
            rows.append(Row(path, corpus, columns, span))
    return rows


@contextmanager
def naming(table: Path | str) -> Iterator[None]:
    """Turns errors of the content of a file into ValueError, in one line that begins with it."""
    try:
        yield
    except (ValueError, RecursionError, OSError, pyarrow.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:  # or it is Arrow's
            raise
        reason = " ".join(str(error).split())
        raise ValueError(f"{table}: {reason.removeprefix(f'{table}: ')}") from None


_NAMED = ("path", "id", "corpus")
"""Columns that identify clips and must be text."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # NUL, and halves of surrogate pairs

Place = str
"""Position of a row, for messages."""


def _suffix(table: Path) -> str:
    return next((suffix for suffix in _READERS if table.name.endswith(suffix)), "")


def texts(place: Place, fields: Mapping[str, Any]) -> dict[str, str]:
    """The non-empty fields of a row, as text; ValueError for bytes and characters not of text."""
    found = {}
    for name, value in fields.items():
        if name in _NAMED and isinstance(value, bytes):
            raise ValueError(f"the {name} of {place} is no text, but bytes")
        if not name or value is None or value != value or isinstance(value, bytes):  # or NaN
            continue
        said = json.dumps(value) if isinstance(value, dict | list) else str(value)
        if _NO_TEXT.search(said):
            raise ValueError(f"{place} has letters in {name!r} that no text has")
        if said:
            found[name] = said
    return found


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
    _check_names(names)
    for number, fields in records:
        if len(fields) != len(names):
            raise ValueError(f"line {number} has {len(fields)} fields, and the header {len(names)}")
        yield f"line {number}", dict(zip(names, fields, strict=True))


def _names(header: Sequence[str]) -> list[str]:
    return [name.strip() for name in header]


def _check_names(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ValueError(f"the column {twice[0]!r} is there twice")
    if "path" not in names:
        raise ValueError(f"there is no column 'path', only {', '.join(map(repr, names))[:200]}")


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
        schema = file.schema_arrow
        _check_names(schema.names)
        names = [field.name for field in schema if field.name in _NAMED or is_metadata(field)]
        yield from numbered(file.iter_batches(columns=names), file.metadata.num_rows)


def numbered(
    batches: Iterable[pyarrow.RecordBatch], count: int
) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The rows of batches, with their places; ValueError if their number is not `count`."""
    number = 0
    for batch in batches:
        for fields in batch.to_pylist():
            number += 1
            yield f"row {number}", fields
    if number != count:
        raise ValueError(f"damaged: {number} of {count} rows are there")


def is_metadata(field: pyarrow.Field) -> bool:
    """Whether a column is neither bytes, which may be the audio itself, nor nested."""
    return not (is_bytes(field.type) or pyarrow.types.is_nested(field.type))


def is_bytes(kind: pyarrow.DataType) -> bool:
    """Whether a type is one of the binary types."""
    return (
        pyarrow.types.is_binary(kind)
        or pyarrow.types.is_large_binary(kind)
        or pyarrow.types.is_fixed_size_binary(kind)
        or pyarrow.types.is_binary_view(kind)
    )


_READERS: Mapping[str, Callable[[Path], Iterator[tuple[Place, dict[str, Any]]]]] = {
    ".tsv": _in_tsv,
    ".csv": _in_csv,
    ".parquet": _in_parquet,
    **dict.fromkeys((".jsonl", *MANIFESTS), _in_jsonl),
}
