"""A corpus of tokens: its plan, receipts, card, errors and shards, in each format."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

from audiotok_jax import audio, cli, corpus, tokenfile
from audiotok_jax.corpus import make as making
from audiotok_jax.corpus import reports, shards
from audiotok_jax.corpus.engines import Done
from audiotok_jax.corpus.formats import Layout
from audiotok_jax.corpus.plan import CLIPS, PLAN, Plan, Settings
from audiotok_jax.formats import SHARDS
from fuzzing import mutations, strict
from fuzzing.sounds import speech
from fuzzing.target import Silent, Target, expect

FOLDER = "corpora"
RATE, HOP, BITS = 16000, 200, 16
COUNT = 5
UNREADABLE = 1


def make(folder: Path) -> None:
    """Writes clips, and a corpus of them in each format, with random tokens."""
    place = folder / FOLDER
    (place / "clips").mkdir(parents=True)
    for number in range(COUNT):
        audio.write(place / "clips" / f"{number}.wav", speech(2000, number), RATE)
    for form in SHARDS:
        out = place / form
        out.mkdir()
        plan = making.prepare(out, _settings(place, form))
        layout = Layout(plan.settings.about, plan.columns)
        for shard in plan.shards:
            list(shards.write(plan, shard, layout, map(_done, range(shard.first, COUNT))))
        reports.write(plan)


def targets(folder: Path) -> list[Target]:
    """The targets among them."""
    place = folder / FOLDER
    of_json = (*mutations.BYTES, *(mutations.value,) * 20)
    found = []
    for form in SHARDS:
        out = place / form
        shard = [out / shards.FOLDER / f"00001{suffix}" for suffix in SHARDS[form]]
        files = [
            ("plan", 180, out / PLAN, of_json),
            ("plan", 60, out / CLIPS, mutations.BYTES),
            ("receipt", 200, out / shards.FOLDER / "00000.json", of_json),
            ("card", 80, out / reports.CARD, of_json),
            ("errors", 40, out / reports.ERRORS, of_json),
            *((f"shard, {form}", 80 // len(shard), path, mutations.BYTES) for path in shard),
        ]
        check = _Check(out)
        found += [
            Target(reader, share, path, how, partial(check, path, _meaning(path)), out)
            for reader, share, path, how in files
        ]
    return found


class _Check:
    """Checks all readers of a corpus."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._settings = Plan.read(out).settings
        self._clips = self._opened()
        self._card = (out / reports.CARD).read_bytes()

    def __call__(self, path: Path, whole: Any, data: bytes) -> bool:
        """Reads it in each way; raises errors that do not name the corpus before those that do."""
        same, former = _same_meaning(path, whole), _is_of_former_version(path)
        # Only `verify` compares the checksums of shards.
        right = former or (path.parent.name == shards.FOLDER and path.suffix != ".json")
        ways: list[Callable[[], None]] = [
            partial(self._open, right),
            partial(self._verify, same or former),
            partial(self._export, right),
            partial(self._go_on, right or path.name == reports.CARD),
            partial(self._run, "info"),
        ]
        errors: list[Exception] = []
        for way in ways:
            try:
                way()
            except (ValueError, OSError) as error:
                errors.append(error)
        if errors:
            raise next((one for one in errors if str(self._out) not in str(one)), errors[0])
        return same

    def _opened(self) -> list[dict[str, Any]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            entries = list(corpus.open(self._out))
        return [entry._asdict() | {"tokens": entry.tokens.tolist()} for entry in entries]

    def _open(self, right: bool) -> None:
        clips = self._opened()
        expect(right or clips == self._clips, "other clips are read, and nothing is said")

    def _verify(self, right: bool) -> None:
        self._run("verify", "--sample", "0")
        expect(right, "verify finds nothing wrong")

    def _export(self, right: bool) -> None:
        """Checks that each clip becomes a file or a line of errors, and nothing else is written."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "a", "b")
            try:
                self._run("export", "--format", "atok", "--out", str(out))
                failure = None
            except (ValueError, OSError) as error:
                failure = error
            files = [one for one in Path(folder).rglob("*") if one.is_file()]
            expect(all(out in one.parents for one in files), f"written elsewhere: {files}")
            atok = [one for one in files if one.suffix == ".atok"]
            tokens = {
                str(one.relative_to(out)): tokenfile.read(one).tokens.tolist() for one in atok
            }
            lines = out / reports.ERRORS
            failed = len(lines.read_text().splitlines()) if lines.exists() else 0
        if failure is not None and failed:
            count = len(tokens) + failed
            expect(count == COUNT, f"{count} files and errors of {COUNT} clips")
            failure = ValueError(f"{self._out}: {failure}")
        if failure is not None:
            raise failure
        known = {f"{clip['id']}.atok": clip["tokens"] for clip in self._clips}
        expect(right or tokens == known, "other tokens are exported, and nothing is said")

    def _go_on(self, right: bool) -> None:
        """Does what `corpus run` does with a finished corpus."""
        plan = making.prepare(self._out, self._settings)
        for shard in plan.shards:
            for file in shards.files(plan, shard):
                expect(file.resolve().is_relative_to(self._out), f"{file} would be written")
            if shards.receipt(plan, shard) is None:
                raise ValueError(f"{self._out}: shard {shard.name} is to be made")
        card, errors = (self._out / name for name in (reports.CARD, reports.ERRORS))
        before = errors.read_bytes()
        try:
            reports.write(plan)
            same = card.read_bytes() == self._card
            expect(right or same, "another card, and nothing is said")
        finally:
            errors.write_bytes(before)
            card.write_bytes(self._card)

    def _run(self, action: str, *options: str) -> None:
        """Runs a command, which must succeed, or print why not."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = cli.main(["corpus", action, str(self._out), *options])
        if code:
            lines = said.getvalue().splitlines()
            expect(bool(lines), f"exit code {code}, and nothing is said")
            raise ValueError("\n".join(line.removeprefix("audiotok: ") for line in lines))


def _settings(place: Path, form: str) -> Settings:
    return Settings(
        inputs=(str(place / "clips"),),
        clips="",
        version="0",
        model="none",
        model_id="0123456789abcdef",
        sample_rate=RATE,
        hop_length=HOP,
        bits=BITS,
        format=form,
        compact=False,
        prior="",
        shard_clips=3,
    )


def _done(number: int) -> Done:
    if number == UNREADABLE:
        return Done(number, np.zeros(0, np.uint16), 0, "cannot be read")
    tokens = np.random.default_rng(number).integers(0, 2**BITS, 10, np.uint16)
    return Done(number, tokens, 10 * HOP - number, "")


def _meaning(path: Path) -> Any:
    """The parsed content of a file of a corpus; None if it cannot be parsed."""
    try:
        if path.suffix == ".json":
            return strict.parse(path.read_bytes())
        if path.suffix == ".jsonl":
            return [strict.parse(line) for line in path.read_bytes().splitlines()]
        if path.name == CLIPS:
            return pyarrow.parquet.read_table(path)
    except (Silent, pyarrow.ArrowException, OSError):
        return None
    return path.read_bytes()


def _is_of_former_version(path: Path) -> bool:
    """Whether a file has no digest, as in older versions, so that changes are not detected."""
    found = _meaning(path)
    return isinstance(found, dict) and "sha256" not in found


def _same_meaning(path: Path, whole: Any) -> bool:
    found = _meaning(path)
    if isinstance(whole, pyarrow.Table):
        return found is not None and bool(found.equals(whole))
    return strict.same(found, whole)
