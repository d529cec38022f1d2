"""`audiotok data`: builds datasets of audio to train on, and tells what there is."""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np

from audiotok_jax.commands.table import show_table
from audiotok_jax.data.clips import SAMPLE_RATE, Clip
from audiotok_jax.data.plan import corpus_weights
from audiotok_jax.data.sources import Clips, open_clips
from audiotok_jax.jobs import progress, tell


def run(args: argparse.Namespace) -> int:
    """Builds or shows, and returns the exit code: 1 if audio is left out of what is shown.

    A dataset that is built says itself, in `skipped.jsonl`, what it lacks.
    """
    if args.action == "info":
        return _show(open_clips(args.inputs, SAMPLE_RATE))
    _build(args)
    return 0


def _build(args: argparse.Namespace) -> None:
    from audiotok_jax.data.build import build, destination

    folder = destination(args.name, args.out, args.split, args.force)
    clips = open_clips(args.inputs, SAMPLE_RATE)
    with progress("building", len(clips)) as advance:
        built = build(clips, folder, args.split, advance)
    if built.skipped:
        tell(f"{len(built.skipped)} left out; {folder / 'skipped.jsonl'} says why")
    print(f"{folder}: {built.clips} clips, {built.seconds / 3600:.2f} h")
    where = args.name if args.out is None else folder.resolve()
    print(f"train on it with --data tfds:{where}:{args.split}")


def _show(clips: Clips) -> int:
    weights = corpus_weights(clips, {})
    total = sum(weights.values())
    members: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        members[clip.corpus].append(clip)
    rows: list[tuple[str, ...]] = [
        ("corpus", "clips", "hours", "drawn", "shortest s", "median s", "longest s", "Hz")
    ]
    for corpus, own in members.items():
        rows.append((corpus, *_summary(own, weights.get(corpus, 0.0) / total)))
    if len(members) > 1:
        rows.append(("all", *_summary(list(clips), 1.0)))
    for path, reason in clips.skipped:
        tell(f"left out: {path}: {reason}")
    show_table(rows)
    return bool(clips.skipped)


def _summary(clips: list[Clip], share: float) -> tuple[str, ...]:
    seconds = [clip.seconds for clip in clips]
    rates = sorted({clip.sample_rate for clip in clips})
    return (
        str(len(clips)),
        f"{sum(seconds) / 3600:.2f}",
        f"{share:.1%}",
        *(f"{value:.2f}" for value in (min(seconds), float(np.median(seconds)), max(seconds))),
        " ".join(map(str, rates)),
    )
