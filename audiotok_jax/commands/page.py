"""Make a web page to listen to originals and decoded speech.

Writes a folder with index.html, to open from the disk or serve from any web server: for each clip
the original, its tokens, the decoded speech, spectrograms and bitrates, with a column for each
model and codec; a summary; and blind listening tests, ABX and MUSHRA.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from audiotok_jax import formats
from audiotok_jax.commands import _options as options
from audiotok_jax.files import replacing_folder
from audiotok_jax.jobs import check_folder, find_sources
from audiotok_jax.terminal import complain, progress, tell

if TYPE_CHECKING:
    from audiotok_jax.evaluate import metrics

EXAMPLES = (
    "audiotok page clips/ --out page/",
    "audiotok page talk.flac --out page/ --model runs/a/model --codec opus:6",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_inputs(parser, "audio files, folders of them, or - for standard input")
    options.add_folder(parser, "folder of the page")
    parser.add_argument(
        "--model",
        type=options.path,
        action="append",
        metavar="PATH_OR_NAME",
        help="a column; repeat it for more; default: the model that comes with the package",
    )
    parser.add_argument(
        "--codec",
        action="append",
        default=[],
        metavar="SPEC",
        help="another codec as a column, such as opus:6, as `audiotok evaluate` names them; repeat "
        "it for more",
    )
    parser.add_argument("--title", default="Speech as tokens", help="default: %(default)s")
    parser.add_argument(
        "--intro",
        metavar="TEXT",
        default="""\
Each clip was encoded as a stream of integers, its tokens, and decoded from the tokens alone. \
Listen to both.""",
        help="shown below the title; an empty line starts a new paragraph",
    )
    parser.add_argument(
        "--metrics",
        default="pesq_wb,stoi",
        metavar="NAMES",
        help="shown with each clip of up to a minute, as `audiotok evaluate` names them; "
        'default: %(default)s; "" for none',
    )
    options.add_reading(parser)
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the page; returns 1 if a clip is left out."""
    from audiotok_jax import audio, extras, pretrained
    from audiotok_jax.evaluate import codecs
    from audiotok_jax.page import site
    from audiotok_jax.page.clip import ClipMaker, Model
    from audiotok_jax.tokenizer import AudioTokenizer

    sources = _named(args.inputs)
    check_folder(args.out, "a page", site.is_page, args.force, sources)
    measured, left_out = _metrics(args.metrics)
    others = [codecs.parse(spec) for spec in dict.fromkeys(args.codec)]
    if others:
        extras.need("eval", "librosa")
    names = args.model or [pretrained.DEFAULT]
    models = [Model(name, AudioTokenizer.from_pretrained(name)) for name in names]
    reading = audio.Reading(args.channel, args.truncated)
    failed = False
    with replacing_folder(args.out) as place, progress("page", len(sources)) as advance:
        for line in left_out:
            tell(line)
        maker = ClipMaker(site.clips_folder(place), models, others, measured, reading)
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
        site.write(place, args.title, args.intro, models, others, measured, clips)
    return int(failed)


def _named(inputs: Iterable[str]) -> dict[Path, str]:
    """Finds the sources, and names each by its path relative to its input.

    If two would have the same name, both get their whole path.
    """
    names = {
        source: str(inside) for source, inside in find_sources(inputs, formats.AUDIO_READ).items()
    }
    count = Counter(names.values())
    return {source: name if count[name] == 1 else str(source) for source, name in names.items()}


def _metrics(given: str) -> tuple[list[metrics.Metric], list[str]]:
    """Parses the option `--metrics`; also returns a line for each metric that is unavailable."""
    from audiotok_jax.evaluate import metrics

    names = [name.strip() for name in given.split(",") if name.strip()]
    # Language and transcripts of the clips are unknown.
    known = {metric.name: metric for metric in metrics.METRICS if not metric.needs}
    for name in names:
        if name not in known:
            raise ValueError(f"no metric {name!r}; --metrics takes {', '.join(known)}")
    usable, left_out = metrics.available(names)
    return sorted(usable, key=lambda metric: names.index(metric.name)), left_out
