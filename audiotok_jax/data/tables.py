"""Tables that list audio: tab- or comma-separated, Parquet, or a JSON object per line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet

SUFFIXES = (".tsv", ".csv", ".parquet", ".jsonl")


class Row(NamedTuple):
    """One clip of a table; `columns` holds what else is said of it, as text, "" left out."""

    path: str
    corpus: str
    columns: Mapping[str, str]


def beside(place: Path) -> Path | None:
    """The table of the same name beside a file or folder, if there is one."""
    place = place.resolve()
    for suffix in SUFFIXES:
        table = place.with_name(place.name + suffix)
        if table.is_file():
            return table
    return None


def read(table: Path) -> list[Row]:
    """Reads a table with the column `path` and, where known, `corpus` and others.

    Where no corpus is said, it is the name of the table.

    Raises:
        ValueError: it has no column `path`, or a row without one, or cannot be read.
        OSError: the disk does not give it.
    """
    rows = []
    try:
        for number, fields in enumerate(_rows(table), 1):
            columns = {
                name: str(value) for name, value in fields.items() if value not in (None, "")
            }
            path, corpus = columns.pop("path", None), columns.pop("corpus", table.stem)
            if path is None:
                missing = f"row {number} has no" if "path" in fields else "there is no column"
                raise ValueError(f"{missing} 'path'")
            rows.append(Row(path, corpus, columns))
    except (ValueError, csv.Error, pyarrow.ArrowException) as error:
        raise ValueError(f"{table}: {error}") from None
    return rows


def _rows(table: Path) -> Iterator[dict[str, Any]]:
    if table.suffix == ".parquet":
        for batch in pyarrow.parquet.ParquetFile(table).iter_batches():
            yield from batch.to_pylist()
        return
    with open(table, newline="", encoding="utf-8-sig") as file:
        if table.suffix == ".jsonl":
            for line in filter(str.strip, file):
                fields = json.loads(line)
                if not isinstance(fields, dict):
                    raise ValueError(f"a line is no JSON object: {line.strip()[:40]}")
                yield fields
            return
        rows = csv.DictReader(file, delimiter="," if table.suffix == ".csv" else "\t")
        for row in rows:
            row.pop(None, None)  # fields beyond the header
            yield row
