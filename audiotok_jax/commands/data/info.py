"""Show clips, hours, lengths and sample rates of each corpus."""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING

from audiotok_jax import extras
from audiotok_jax.commands import _options as options
from audiotok_jax.terminal import show_table, tell

if TYPE_CHECKING:
    from audiotok_jax.data.clips import Clip

EXAMPLES = ("audiotok data info corpus/ tfds:speech:train[:90%]",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_inputs(parser, options.CLIPS)


def run(args: argparse.Namespace) -> int:
    """Prints a row for each corpus; returns 1 if audio is left out."""
    extras.need("train", "grain", "pyarrow", "tensorflow_datasets")
    from audiotok_jax.data.clips import SAMPLE_RATE
    from audiotok_jax.data.sampler import corpus_weights
    from audiotok_jax.data.sources import open_clips

    clips = open_clips(args.inputs, SAMPLE_RATE)
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
        *(f"{value:.2f}" for value in (min(seconds), statistics.median(seconds), max(seconds))),
        " ".join(map(str, rates)),
    )
