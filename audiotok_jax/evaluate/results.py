"""The output files of an evaluation: CSV, JSON, Markdown and plots."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audiotok_jax import files
from audiotok_jax.evaluate import plots, published, report
from audiotok_jax.evaluate.metrics import Metric
from audiotok_jax.evaluate.metrics.text import language_of

_BY_LANGUAGE = ("wer", "per", "voice_similarity", "speaker_similarity", "pesq_wb", "stoi")
_ABOUT = """\
# Quality at bitrates

Means over clips, with 95% intervals in parentheses (percentile bootstrap over clips, so they
describe other clips of the same speakers). Word and phoneme errors are summed over all clips and
divided by the words and phonemes of all references, so that long clips count for more. ↑ higher is
better, ↓ lower is better, – not defined. kbps counts the coded bits, kbps of the file also the
overhead of its container. Speeds are multiples of real time on one CPU core with {jobs} processes
in parallel.
"""


def write(
    out: Path, rows: report.Rows, metrics: Sequence[Metric], facts: dict[str, Any]
) -> list[tuple[str, ...]]:
    """Writes `clips.csv`, `summary.json`, `table.md` and `plots/`, each file atomically.

    Args:
        out: a folder.
        rows: `set`, `clip`, `language`, `speaker`, `codec`, and the values of `work.evaluate`.
        metrics: those that were measured.
        facts: further content of the summary, JSON-ready; `runs` with their `jobs` are required.

    Returns:
        A table of all sets together, its header first.

    Raises:
        OSError: it cannot be written.
    """
    names = sorted({row["set"] for row in rows})
    sets = {name: [row for row in rows if row["set"] == name] for name in names}
    overall = report.summarize(rows, metrics)
    found = {name: report.summarize(own, metrics) for name, own in sets.items()}
    languages = sorted({_language(row) for row in rows})
    spoken = {
        name: report.summarize([row for row in rows if _language(row) == name], metrics)
        for name in languages
    }
    described = {m.name: {"label": m.label, "unit": m.unit, "better": m.better} for m in metrics}
    summary = facts | {"metrics": described, "overall": overall}
    summary |= {"sets": found, "languages": spoken}
    jobs = " or ".join(sorted({str(run["jobs"]) for run in facts["runs"]}))
    sections = [_ABOUT.format(jobs=jobs)]
    for title, of_set in ((_title(rows), overall), *((_title(sets[n]), found[n]) for n in names)):
        sections.append(report.markdown(title, report.table(of_set, metrics, intervals=True)))
    for metric in metrics:
        if len(languages) > 1 and metric.name in _BY_LANGUAGE:
            table = report.by_language(spoken, metric)
            sections.append(report.markdown(f"{metric.title} by language", table))
    texts = {
        "clips.csv": report.dump_csv(rows),
        "summary.json": json.dumps(summary, indent=1, allow_nan=False) + "\n",
        "table.md": "\n".join(sections),
    }
    for name, text in texts.items():
        files.write(out / name, text)
    (out / "plots").mkdir(exist_ok=True)
    for metric in metrics:
        if all(codec["metrics"][metric.name]["mean"] is None for codec in overall.values()):
            continue
        plots.draw(out / "plots" / metric.name, _title(rows), metric, overall)
        for name in names:
            if anchors := _published(name, metric):
                path = out / "plots" / f"librispeech-test-clean-{metric.name}"
                plots.draw(path, _title(sets[name]), metric, found[name], anchors)
    return report.table(overall, metrics, intervals=False)


def _language(row: dict[str, Any]) -> str:
    return language_of(row["language"]) or "not known"


def _title(rows: report.Rows) -> str:
    names = {row["set"] for row in rows}
    clips = {(row["set"], row["clip"]): row["seconds"] for row in rows}
    which = next(iter(names)) if len(names) == 1 else f"all {len(names)} sets"
    return f"{which}: {len(clips)} clips, {sum(clips.values()) / 60:.1f} minutes"


def _published(name: str, metric: Metric) -> list[plots.Point]:
    """Published results that are comparable with a metric on a set, if any."""
    is_theirs = re.sub("[^a-z]", "", name.lower()) == "librispeechtestclean"
    if not is_theirs or metric.name not in ("pesq_wb", "stoi"):
        return []
    anchors = published.load()
    return [(a.system, a.kbps, getattr(a, metric.name)) for a in anchors if a.kbps is not None]
