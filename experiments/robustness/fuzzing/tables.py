"""Tables and lists of audio: .tsv, .csv, .jsonl, .parquet and .txt."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from audiotok_jax import audio
from audiotok_jax.corpus import inputs
from audiotok_jax.data import sources, tables
from fuzzing import mutations, strict
from fuzzing.sounds import speech
from fuzzing.target import Silent, Target, expect

FOLDER = "tables"
RATE = 16000
ROWS = 8
TEXTS = ('says "yes"', 'an open " quote', "a, comma", "l'été; à 5 h", "日本語", "", "1", "[x]")

Fields = dict[str, str]


def make(folder: Path) -> None:
    """Writes eight short clips and a table of them in each format."""
    place = folder / FOLDER
    (place / "clips").mkdir(parents=True)
    os.mkfifo(place / "clips" / "pipe.wav")
    (place / "clips" / "loop.wav").symlink_to("loop.wav")
    rows = []
    for number in range(ROWS):
        path = f"clips/{number:02}.wav"
        audio.write(place / path, speech(2000, number), RATE)
        rows.append(
            {"path": path, "id": f"en/{number}", "corpus": "c", "text": TEXTS[number]}
            | {"speaker": f"s{number % 3}"}
        )
    with open(place / "list.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    _write(place / "list.tsv", lines)
    _write(place / "list.jsonl", [json.dumps(row, ensure_ascii=False) for row in rows])
    _write(place / "list.txt", [row["path"] for row in rows])
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), place / "list.parquet")


def targets(folder: Path) -> list[Target]:
    """The targets among them."""
    place = folder / FOLDER
    found = []
    for suffix, share in ((".tsv", 500), (".csv", 500), (".jsonl", 400), (".parquet", 300)):
        path = place / f"list{suffix}"
        how = mutations.BYTES if suffix == ".parquet" else mutations.TEXT
        if suffix == ".jsonl":
            how += (mutations.in_a_line(mutations.value),) * 20
        found.append(Target(suffix, share, path, how, _table(path), path))
    path = place / "list.txt"
    return [*found, Target(".txt", 300, path, mutations.TEXT, _list(path), path)]


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(path: Path) -> Callable[[bytes], bool]:
    rows = _rows(path)

    def check(data: bytes) -> bool:
        found = _rows(path)
        known = list(_KNOWN[path.suffix](data))
        expect(len(found) == len(known), f"{len(found)} rows of {len(known)}")
        for number, (one, other) in enumerate(zip(found, known, strict=True), 1):
            expect(one == other, f"row {number} is {one}, not {other}")
        _check_users(path, [(row["path"], row.get("id")) for row in found])
        return found == rows

    return check


def _rows(path: Path) -> list[Fields]:
    return [{"path": row.path, "corpus": row.corpus, **row.columns} for row in tables.read(path)]


def _check_users(path: Path, rows: list[tuple[str, str | None]]) -> None:
    """Checks that corpora and training take each row as a clip, or report it."""
    originals = inputs.find([str(path)])
    expect(len(originals) == len(rows), f"{len(originals)} clips of {len(rows)} rows")
    ids = {one.id for one in originals}
    expect(len(ids) == len(rows), "two clips have the same id")
    given = {name for _, name in rows if name is not None}
    expect(given <= ids, f"ids that the table does not give: {ids - given}")
    clips = sources.open_clips([str(path)], RATE)
    count = len(clips) + len(clips.skipped)
    expect(count == len(rows), f"{count} clips, read or skipped, of {len(rows)} rows")


def _tsv(data: bytes) -> Iterator[Fields]:
    """Rows of fields separated by tabs, without quotes."""
    yield from _fields([line.split("\t") for line in _lines(data) if line.strip()])


def _csv(data: bytes) -> Iterator[Fields]:
    """Rows as in RFC 4180, but also separated by semicolons, and without line ends in fields."""
    text = "\n".join(_lines(data))
    head = text.lstrip("\r\n").partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter))
    except csv.Error as error:
        raise Silent(f"read, though {error}") from None
    for row in rows:
        expect(not any("\n" in field for field in row), f"a field over several lines: {row}")
    yield from _fields([row for row in rows if any(field.strip() for field in row)])


def _fields(rows: list[list[str]]) -> Iterator[Fields]:
    head, *rest = rows
    head = [name.strip() for name in head]
    expect(len(set(head)) == len(head), "two columns have the same name")
    for row in rest:
        expect(len(row) <= len(head), f"more fields than columns: {row}")
        yield _named(dict(zip(head, row, strict=False)))


def _jsonl(data: bytes) -> Iterator[Fields]:
    for line in _lines(data):
        if line.strip():
            row = strict.parse(line.encode())
            expect(isinstance(row, dict), f"no object: {line[:40]}")
            yield _named({name: _said(value) for name, value in row.items()})


def _parquet(data: bytes) -> Iterator[Fields]:
    try:
        rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise Silent(f"read, though {error}") from None
    for row in rows:
        yield _named({name: "" if value is None else str(value) for name, value in row.items()})


def _said(value: Any) -> str:
    if value is None or value != value:  # NaN, which some programs write for missing values
        return ""
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


_KNOWN = {".tsv": _tsv, ".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}


def _named(fields: Fields) -> Fields:
    """A row without empty fields, and without columns of no name, which may hold row numbers."""
    return {"corpus": "list"} | {name: value for name, value in fields.items() if name and value}


def _list(path: Path) -> Callable[[bytes], bool]:
    whole = [one.path for one in inputs.find([str(path)])]

    def check(data: bytes) -> bool:
        found = [one.path for one in inputs.find([str(path)])]
        lines = [line.strip() for line in _lines(data) if line.strip()]
        expect(len(found) == len(lines), f"{len(found)} clips of {len(lines)} lines")
        known = {line if "://" in line else os.path.normpath(path.parent / line) for line in lines}
        expect(set(found) == known, f"other paths: {sorted(set(found) ^ known)[:4]}")
        return found == whole

    return check


def _text(data: bytes) -> str:
    marked = data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        return data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Silent(f"read, though it is neither UTF-8 nor marked as UTF-16: {error}") from None


def _lines(data: bytes) -> list[str]:
    """Lines without the byte order marks of files that were concatenated."""
    return [line.removeprefix("\ufeff") for line in re.split("\r\n|\r|\n", _text(data))]
