"""The journal of measured rows, a line of JSON each, so that no row is measured twice.

It also holds the output of recognisers for the originals, for use with later codecs.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

from audiotok_jax.evaluate.metrics import Readings

Row = dict[str, float | None]


class Key(NamedTuple):
    """Everything that a row depends on; a row is measured again if any of it changes.

    Attributes:
        clip: hash of the file.
        language: of the speech; "" if unknown.
        codec: its spec.
        version: of the model or program behind the codec.
        method: hash of the code and libraries that run codecs and metrics.
        transcript: hash of the transcript; "" if unknown.
    """

    clip: str
    language: str
    codec: str
    version: str
    method: str
    transcript: str = ""


class Heard(NamedTuple):
    """Everything that the output of recognisers for an original depends on.

    Attributes:
        clip: hash of the file.
        language: of the speech; "" if unknown.
        method: hash of the recognisers and the code that runs them.
    """

    clip: str
    language: str
    method: str


class Journal:
    """Rows in an append-only file; a context manager.

    Each row is flushed when it is added, so that the next run has the rows of a killed one.

    Attributes:
        runs: facts about each run that added rows, by its name.
        rows: name of the run and the row, by key.
        readings: output of recognisers for originals.
    """

    def __init__(self, path: Path) -> None:
        """Opens and reads the file; an incomplete last line of a killed run is removed.

        Raises:
            ValueError: another run writes to it, or it is damaged.
            OSError: it cannot be written.
        """
        self.runs: dict[str, dict[str, Any]] = {}
        self.rows: dict[Key, tuple[str, Row]] = {}
        self.readings: dict[Heard, Readings] = {}
        self._path = path
        self._run: str | None = None
        self._file = open(path, "ab+")
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def begin(self, about: dict[str, Any]) -> None:
        """Starts a run, to which all rows added later belong, with JSON-ready facts about it."""
        self._run = str(len(self.runs) + 1)
        self._describe(about)

    def finish(self, about: dict[str, Any]) -> None:
        """Ends the current run, with more facts about it."""
        assert self._run is not None
        self._describe(self.runs[self._run] | about)

    def add(self, key: Key, row: Row) -> None:
        """Adds a row of the current run."""
        assert self._run is not None
        self.rows[key] = (self._run, row)
        # Strict JSON has no infinity.
        values = {k: str(v) if v in (math.inf, -math.inf) else v for k, v in row.items()}
        self._write({"run": self._run, "key": key._asdict(), "row": values})

    def keep(self, heard: Heard, readings: Readings) -> None:
        """Stores the output of recognisers for an original, if it is new."""
        if self.readings.get(heard, {}) != readings:
            self.readings[heard] = readings
            self._write({"heard": heard._asdict(), "readings": readings})

    def _describe(self, about: dict[str, Any]) -> None:
        assert self._run is not None
        self.runs[self._run] = about
        self._write({"run": self._run, "about": about})

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
        self._file.flush()

    def _read(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{self._path}: another run writes to it; wait for its end") from None
        self._file.seek(0)
        whole, _, half = self._file.read().rpartition(b"\n")
        if half:
            os.ftruncate(self._file.fileno(), len(whole) + bool(whole))
        for number, text in enumerate(whole.splitlines(), 1):
            try:
                line = json.loads(text)
                if "about" in line:
                    self.runs[line["run"]] = line["about"]
                elif "heard" in line:
                    self.readings[Heard(**line["heard"])] = dict(line["readings"])
                else:
                    row = {k: float(v) if isinstance(v, str) else v for k, v in line["row"].items()}
                    self.rows[Key(**line["key"])] = (line["run"], row)
            except (ValueError, LookupError, TypeError, AttributeError):
                raise ValueError(
                    f"{self._path}: line {number} is damaged; take it out, and it is measured again"
                ) from None
