"""`audiotok page`: a page to listen to clips, their tokens and what the tokens give."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from audiotok_jax import audio, pretrained
from audiotok_jax.evaluate import metrics
from audiotok_jax.files import find, replacing_folder
from audiotok_jax.jobs import PIPE, complain, progress, tell
from audiotok_jax.page import site
from audiotok_jax.page.clip import ClipMaker, Model
from audiotok_jax.tokenizer import AudioTokenizer


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    sources = _named(args.inputs)
    _check_out(args.out, sources, args.force)
    measured, left_out = _metrics(args.metrics)
    names = args.model or [pretrained.DEFAULT]
    models = [Model(name, AudioTokenizer.from_pretrained(name)) for name in names]
    reading = audio.Reading(args.channel, args.truncated)
    failed = False
    with replacing_folder(args.out) as place, progress("page", len(sources)) as advance:
        for line in left_out:
            tell(line)
        maker = ClipMaker(site.clips_folder(place), models, measured, reading)
        clips = []
        for source, name in sources.items():
            try:
                clips.append(maker.make(source, name))
                advance(clips[-1].seconds, 0)
            except (ValueError, OSError) as error:
                complain(error)
                failed = True
            advance(0, 1)
        if not clips:
            raise ValueError("no clip is left to be shown, so no page was made")
        site.write(place, args.title, args.intro, models, measured, clips)
    return int(failed)


def _named(inputs: Sequence[str]) -> dict[Path, str]:
    """Finds the sources, and names each by its path inside the input that it was found in.

    Where two would have one name, it is the whole path.
    """
    names: dict[Path, str] = {}
    for path in map(Path, inputs):
        top = path if path.is_dir() else path.parent
        for source in find([path], audio.SUFFIXES):
            name = "stdin" if source == PIPE else source.relative_to(top)
            names.setdefault(source, str(name))
    count = Counter(names.values())
    return {source: name if count[name] == 1 else str(source) for source, name in names.items()}


def _check_out(out: str, sources: dict[Path, str], force: bool) -> None:
    """Raises if the page cannot take the place of what is at `out`."""
    if not os.path.lexists(out):
        return
    if not os.path.isdir(out):
        raise ValueError(f"{out} is no folder; choose another one for the page")
    place = os.path.realpath(out)
    for source in sources:
        if Path(os.path.realpath(source)).is_relative_to(place):
            raise ValueError(f"{source} lies in {out}; choose another folder for the page")
    if not os.listdir(out):
        return
    if not site.is_page(out):
        raise ValueError(f"{out} holds something else than a page; choose another folder")
    if not force:
        raise ValueError(f"{out} exists; --force replaces it")


def _metrics(given: str) -> tuple[list[metrics.Metric], list[str]]:
    """Reads the option `--metrics`; also a line for each that cannot be measured here."""
    names = [name.strip() for name in given.split(",") if name.strip()]
    # Neither the language of the clips is known nor what is said.
    known = {metric.name: metric for metric in metrics.METRICS if not metric.needs}
    for name in names:
        if name not in known:
            raise ValueError(f"no metric {name!r}; --metrics takes {', '.join(known)}")
    usable, left_out = metrics.available(names)
    return sorted(usable, key=lambda metric: names.index(metric.name)), left_out
