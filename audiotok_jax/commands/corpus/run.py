"""`audiotok corpus run`: audio to a corpus of tokens."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from audiotok_jax import entropy, pretrained, provenance, signals
from audiotok_jax.commands.corpus.progress import showing
from audiotok_jax.corpus import decoding, inputs, make, reports, shards
from audiotok_jax.corpus.engines import Coded, local
from audiotok_jax.corpus.formats import Layout
from audiotok_jax.corpus.lock import Lock
from audiotok_jax.corpus.plan import Plan, Settings, Shard
from audiotok_jax.jobs import tell
from audiotok_jax.tokenizer import WINDOW, AudioTokenizer


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    if args.compact and args.format == "flat":
        raise ValueError("--compact: flat shards hold plain tokens, to be mapped into memory")
    model = pretrained.load(args.model)
    coder = entropy.load(args.model) if args.compact else None
    settings = Settings(
        inputs=tuple(map(inputs.absolute, args.inputs)),
        clips="",
        version=provenance.version("audiotok_jax") or "unknown",
        model=_place(args.model),
        model_id=model.model_id,
        sample_rate=model.config.sample_rate,
        hop_length=model.config.hop_length,
        bits=model.config.bits,
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
            with lock.making(part):
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
    """The name of a released model, or the folder of another one, good in any working directory."""
    name = model or pretrained.DEFAULT
    return name if name in pretrained.names() else os.path.abspath(name)


def _coded(
    plan: Plan, todo: Sequence[Shard], model: pretrained.Model, args: argparse.Namespace
) -> Iterator[Coded]:
    shape = decoding.shape_of(model.config, WINDOW, plan.settings.reading)
    if args.engine == "ray":
        from audiotok_jax.corpus.engines import ray  # an extra, and slow to start

        return ray.encode(plan, todo, shape, plan.settings.model)
    tokenizer = AudioTokenizer(model.params, model.config, model.model_id)
    return local.encode(plan, todo, shape, tokenizer, args.workers)
