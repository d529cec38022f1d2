"""The benchmark task of making a corpus."""

from __future__ import annotations

import tempfile
from collections import deque
from pathlib import Path

import jax

from audiotok_jax.bench.ours import tokenizer_on
from audiotok_jax.bench.rounds import Task
from audiotok_jax.corpus import make, reports
from audiotok_jax.corpus.decoding import shape_of
from audiotok_jax.corpus.engines import local
from audiotok_jax.corpus.formats import Layout
from audiotok_jax.corpus.plan import Settings
from audiotok_jax.pretrained import Model


def of_corpus(name: str, loaded: Model, clips: Path, encoding: Task, device: jax.Device) -> Task:
    """Makes a corpus in Parquet from a folder of clips, which this process reads itself.

    `encoding` is the task of encoding the same clips, which takes the same matrix products.
    """
    tokenizer = tokenizer_on(device, loaded)
    settings = Settings.of(
        loaded,
        inputs=(str(clips),),
        model=name,
        format="parquet",
        compact=False,
        prior="",
        shard_clips=1000,
    )
    shape = shape_of(loaded.config, tokenizer.window, settings.reading)

    def run() -> None:
        with tempfile.TemporaryDirectory(dir=clips.parent) as out:
            plan = make.prepare(Path(out), settings)
            layout = Layout(settings.about, plan.columns)
            coded = local.encode(plan, plan.shards, shape, tokenizer, workers=0)
            deque(make.make(plan, plan.shards, layout, coded, 0, 0), maxlen=0)
            reports.write(plan)

    return encoding._replace(what="make a corpus", run=run)
