"""Measure codecs: bitrate, quality, speed.

Encodes and decodes clips of speech with each codec and compares the result with the original.
Writes to OUT clips.csv (a row for each clip and codec), summary.json (means and intervals),
table.md and plots/. Rows are stored in OUT/journal.jsonl at once: the same command measures only
rows that are missing or outdated by a changed model, program or clip.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotok_jax import extras
from audiotok_jax.commands import _options as options
from audiotok_jax.terminal import complain, progress, show_table, tell

if TYPE_CHECKING:
    from audiotok_jax.evaluate import metrics
    from audiotok_jax.evaluate.clips import Utterance
    from audiotok_jax.evaluate.journal import Journal, Key
    from audiotok_jax.evaluate.work import Work

    Keys = Mapping[tuple[Utterance, str], Key]
    """The keys of rows, by clip and codec."""

EXAMPLES = ("audiotok evaluate --data speech/ --codecs audiotok,opus:6,codec2:1200 --out results/",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=options.path,
        required=True,
        nargs="+",
        metavar="DATA",
        help=f"{options.RECORDINGS}; columns that count are corpus, language, speaker, and "
        "transcript, text or sentence",
    )
    parser.add_argument(
        "--codecs",
        required=True,
        metavar="A,B,...",
        help="such as audiotok, audiotok:MODEL, opus:KBPS, codec2:BPS, speex:KBPS, mp3:KBPS, "
        "encodec:KBPS, dac:N, mimi:N, pcm",
    )
    parser.add_argument("--out", type=options.path, required=True, metavar="OUT", help="a folder")
    parser.add_argument(
        "--limit",
        type=options.positive,
        metavar="N",
        help="use N clips of each set, spread over it",
    )
    parser.add_argument(
        "--jobs",
        type=options.positive,
        default=os.cpu_count(),
        metavar="N",
        help="number of processes; default: one per core",
    )
    parser.add_argument(
        "--language",
        default="",
        metavar="CODE",
        help="language of clips for which no table names it, such as en; needed for word errors",
    )
    parser.add_argument(
        "--recogniser",
        type=options.path,
        metavar="FOLDER_OR_NAME",
        help="Whisper model for word errors: a folder in the format of CTranslate2, or a name on "
        "the hub; default: the packaged tiny.en, for English only",
    )


def run(args: argparse.Namespace) -> int:
    """Measures the missing rows and writes the results; returns 1 if a clip or a row is missing."""
    extras.need("eval", "librosa", "matplotlib", "pyarrow")
    from audiotok_jax.evaluate import clips, codecs, metrics, results
    from audiotok_jax.evaluate.journal import Journal
    from audiotok_jax.evaluate.method import libraries, method
    from audiotok_jax.evaluate.metrics import words
    from audiotok_jax.provenance import provenance

    specs = dict.fromkeys(spec.strip() for spec in args.codecs.split(","))
    # Fails here, before any work, if a model or a program is missing.
    versions = {spec: codecs.parse(spec).version for spec in specs}
    recogniser = words.locate(args.recogniser) if args.recogniser else None
    usable, left_out = metrics.available()
    found, skipped = clips.find(args.data, args.limit, args.language)
    for line in (*left_out, *skipped):
        tell(line)
    keys = _keys(found, versions, method(usable, recogniser))
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with Journal(out / "journal.jsonl") as journal:
        kept = sum(key in journal.rows for key in keys.values())
        if kept:
            tell(f"{kept} of {len(keys)} rows are there already, in {out / 'journal.jsonl'}")
        works = _missing(keys, journal, recogniser)
        if works:
            about = {"command": _command(args), "jobs": args.jobs}
            journal.begin(about | provenance(libraries(usable)))
            started = time.monotonic()
            _measure(works, usable, args.jobs, journal)
            journal.finish({"wall_seconds": round(time.monotonic() - started, 1)})
        rows = _rows(keys, journal)
        runs = Counter(journal.rows[key][0] for key in keys.values() if key in journal.rows)
        facts = {
            "data": _data(args, keys),
            "codecs": versions,
            "recogniser": args.recogniser or "of the packages: tiny, for English alone",
            "left_out": left_out,
            "runs": [{"rows": runs[name]} | journal.runs[name] for name in sorted(runs, key=int)],
        }
    if not rows:
        raise ValueError("nothing could be measured")
    said = any(clip.transcript for clip in found)
    shown = [metric for metric in usable if said or "transcript" not in metric.needs]
    show_table(results.write(out, rows, shown, facts))
    return int(bool(skipped) or len(rows) < len(found) * len(versions))


def _keys(found: Iterable[Utterance], versions: dict[str, str], method: str) -> Keys:
    """Makes the keys; a clip that cannot be read is reported and gets none."""
    from audiotok_jax.evaluate.journal import Key

    keys = {}
    for clip in found:
        try:
            content = clip.recording.digest()[:16]
        except (ValueError, OSError) as error:
            complain(error)
            continue
        said = hashlib.sha256(clip.transcript.encode()).hexdigest()[:16] if clip.transcript else ""
        for spec, version in versions.items():
            keys[clip, spec] = Key(content, clip.language, spec, version, method, said)
    return keys


def _missing(keys: Keys, journal: Journal, recogniser: str | None) -> list[Work]:
    """The rows to measure, by clip; clips with the same content are one."""
    from audiotok_jax.evaluate.journal import Heard
    from audiotok_jax.evaluate.method import reading
    from audiotok_jax.evaluate.work import Work

    listening = reading(recogniser)
    wanted: dict[tuple[str, str, str], tuple[Utterance, dict[Key, None]]] = {}
    for (clip, _), key in keys.items():
        if key not in journal.rows:
            content = (key.clip, key.language, key.transcript)
            wanted.setdefault(content, (clip, {}))[1][key] = None
    return [
        Work(
            clip.recording,
            tuple(own),
            clip.transcript,
            recogniser,
            Heard(digest, language, listening),
            journal.readings.get(Heard(digest, language, listening), {}),
        )
        for (digest, language, _), (clip, own) in wanted.items()
    ]


def _measure(
    works: list[Work], usable: tuple[metrics.Metric, ...], jobs: int, journal: Journal
) -> None:
    """Adds rows to the journal and reports what could not be measured."""
    from audiotok_jax.evaluate import workers

    measured = closing(workers.measure(works, usable, jobs))
    with progress("evaluate", len(works)) as advance, measured as finished:
        for done in finished:
            journal.keep(done.heard, done.readings)
            for key, row in done.rows.items():
                journal.add(key, row)
            for line in done.errors:
                tell(line)
            advance(done.seconds, 1)


def _rows(keys: Keys, journal: Journal) -> list[dict[str, Any]]:
    return [
        {
            "set": clip.set,
            "clip": clip.name,
            "language": clip.language,
            "speaker": clip.speaker,
            "codec": spec,
        }
        | journal.rows[key][1]
        for (clip, spec), key in keys.items()
        if key in journal.rows
    ]


def _data(args: argparse.Namespace, keys: Keys) -> dict[str, Any]:
    """The clips that were measured; `sha256` is that of their sorted hashes."""
    hashes = sorted({key.clip for key in keys.values()})
    digest = hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:16]
    return {"locations": args.data, "limit": args.limit, "clips": len(hashes), "sha256": digest}


def _command(args: argparse.Namespace) -> str:
    """The command as one would type it, without options at their defaults."""
    typed = ["audiotok", "evaluate", "--data", *args.data, "--codecs", args.codecs]
    typed += ["--out", args.out, "--jobs", str(args.jobs)]
    typed += ["--limit", str(args.limit)] if args.limit else []
    typed += ["--language", args.language] if args.language else []
    typed += ["--recogniser", args.recogniser] if args.recogniser else []
    return shlex.join(typed)
