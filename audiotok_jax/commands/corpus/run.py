"""Turn audio into a corpus of tokens.

Assigns clips to shards, and then makes shard by shard. After an interruption of any kind, the same
command continues where it stopped. Clips that cannot be read are listed in OUT/errors.jsonl.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from audiotok_jax import extras, formats, signals
from audiotok_jax.commands import _options as options
from audiotok_jax.commands.corpus import refuse_compact_flat
from audiotok_jax.commands.corpus._progress import showing
from audiotok_jax.terminal import tell

if TYPE_CHECKING:
    from audiotok_jax import entropy, pretrained
    from audiotok_jax.corpus.engines import Coded
    from audiotok_jax.corpus.plan import Plan, Shard

EXAMPLES = (
    "audiotok corpus run speech/ --out tokens/",
    "audiotok corpus run speech.tsv 'more-{000..012}.tar' --out tokens/ --format flat",
    "audiotok corpus run urls.txt --out tokens/ --shard 3/16",
)

PARTS = ", or give each its part with --shard I/N, the same N to all"
"""Advice to processes that make the same corpus, in messages."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_inputs(parser, f"{options.CLIPS}, or lists of paths and URLs (.txt), a line each")
    options.add_folder(parser, "folder of the corpus", "OUT")
    parser.add_argument(
        "--format",
        choices=tuple(formats.SHARDS),
        default="parquet",
        help="of the shards; flat is uint16 for memory mapping; default: %(default)s",
    )
    options.add_compact(parser)
    parser.add_argument(
        "--shard-clips",
        type=options.positive,
        default=1000,
        metavar="N",
        help="clips per shard, the work lost by an interruption; default: %(default)s",
    )
    parser.add_argument(
        "--workers",
        type=options.non_negative,
        default=os.cpu_count(),
        metavar="N",
        help="processes that decode audio; 0 decodes in the main process; default: one per core",
    )
    parser.add_argument(
        "--shard",
        type=_part,
        default=(0, 1),
        metavar="I/N",
        help="make part I of N (from 0) of the shards, for parallel jobs",
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray distributes the work over a Ray cluster; default: %(default)s",
    )
    parser.add_argument(
        "--max-errors",
        type=options.non_negative,
        metavar="N",
        help="stop at more than N clips that cannot be read",
    )
    options.add_reading(parser)
    options.add_model(parser)


def _part(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not slash or not 0 <= int(number) < int(count):
        raise argparse.ArgumentTypeError("must be I/N, I from 0 to N - 1")
    return int(number), int(count)


def run(args: argparse.Namespace) -> int:
    """Makes the shards that are not done yet, or one part of them; returns 0."""
    refuse_compact_flat(args)

    from audiotok_jax import entropy, pretrained
    from audiotok_jax.corpus import inputs, make, reports
    from audiotok_jax.corpus.lock import Lock
    from audiotok_jax.corpus.plan import Settings

    model = pretrained.load(args.model)
    coder = entropy.load(args.model) if args.compact else None
    settings = Settings.of(
        model,
        inputs=tuple(map(inputs.absolute, args.inputs)),
        model=_place(args.model),
        format=args.format,
        compact=args.compact,
        prior=coder.prior.id if coder else "",
        shard_clips=args.shard_clips,
        channel=args.channel,
        truncated=args.truncated,
    )
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with Lock(out) as lock:
        with lock.planning():
            plan = make.prepare(out, settings)
        part = plan.part(*args.shard)
        if part:
            with lock.making(part, PARTS):
                _make(plan, part, model, coder, args)
        with lock.planning():
            card = reports.write(plan)
    if card is None:
        number, count = args.shard
        print(f"{out}: part {number}/{count} is done, others are not yet")
        return 0
    if card.errors:
        tell(f"{card.errors} clips could not be read; {out / reports.ERRORS} says why")
    print(
        f"{out}: {card.clips} clips, {card.hours:.2f} h, {card.tokens} tokens in "
        f"{card.shards} shards"
    )
    return 0


def _make(
    plan: Plan,
    part: Sequence[Shard],
    model: pretrained.Model,
    coder: entropy.Coder | None,
    args: argparse.Namespace,
) -> None:
    from audiotok_jax.corpus import make, shards
    from audiotok_jax.corpus.formats import Layout

    shards.clean(plan, part)
    done = {shard: shards.receipt(plan, shard) for shard in part}
    todo = [shard for shard in part if done[shard] is None]
    if not todo:
        return
    errors = sum(len(receipt.errors) for receipt in done.values() if receipt is not None)
    layout = Layout(plan.settings.about, plan.columns, coder)
    events = make.make(plan, todo, layout, _coded(plan, todo, model, args), errors, args.max_errors)
    try:
        with closing(events), showing(len(part), todo, plan.settings.sample_rate) as show:
            for event in events:
                show(event)
                signals.check()
    except (KeyboardInterrupt, SystemExit):
        tell(f"{plan.out}: stopped; the shards that are done are kept, the same command goes on")
        raise


def _place(model: str | None) -> str:
    """The name of a released model, or the absolute path of another one."""
    from audiotok_jax import pretrained

    name = model or pretrained.DEFAULT
    return name if name in pretrained.names() else os.path.abspath(name)


def _coded(
    plan: Plan, todo: Sequence[Shard], model: pretrained.Model, args: argparse.Namespace
) -> Iterator[Coded]:
    from audiotok_jax.corpus.decoding import shape_of
    from audiotok_jax.tokenizer import WINDOW, AudioTokenizer

    shape = shape_of(model.config, WINDOW, plan.settings.reading)
    if args.engine == "ray":
        extras.need("ray", "ray")
        from audiotok_jax.corpus.engines import ray  # slow to start

        return ray.encode(plan, todo, shape, plan.settings.model)
    from audiotok_jax.corpus.engines import local

    tokenizer = AudioTokenizer(model.params, model.config, model.model_id)
    return local.encode(plan, todo, shape, tokenizer, args.workers)
