"""The Ray engine: tasks on CPUs decode audio for actors on GPUs, TPUs or CPUs that encode.

Ray Data streams windows from tasks to actors, with backpressure, repeats the tasks of a lost
machine, and lets the pool of actors grow with the cluster. All machines must see the inputs, the
corpus and the model under the same paths.
"""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import ray
import ray.data

from audiotok_jax.corpus import decoding
from audiotok_jax.corpus.decoding import Shape
from audiotok_jax.corpus.engines import Coded
from audiotok_jax.corpus.plan import Plan, Shard

TASK_CLIPS = 50
"""Clips that one task decodes, and decodes again if its machine is lost."""

BATCH = 32
"""Windows per batch of an actor."""


def encode(plan: Plan, shards: Sequence[Shard], shape: Shape, model: str) -> Iterator[Coded]:
    """Encodes the clips of shards in their order, by the model of this name or folder.

    Ray is started on this machine, unless the environment variable RAY_ADDRESS names a cluster
    (`auto`: the one that this machine belongs to).
    """
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    if not ray.is_initialized():
        with warnings.catch_warnings():  # Ray's processes do not use the JAX of this one
            warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
            ray.init(log_to_driver=False, logging_level=logging.WARNING)
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    found = ray.cluster_resources()
    device = next((name for name in ("TPU", "GPU") if found.get(name)), "CPU")
    # A CPU is shared with the tasks, and one actor uses all cores of its machine.
    most = len(ray.nodes()) if device == "CPU" else int(found[device])
    actors = ray.data.ActorPoolStrategy(min_size=1, max_size=most)
    needs: dict[str, dict[str, Any]] = {
        "CPU": {"num_cpus": 1},
        "GPU": {"num_gpus": 1},
        "TPU": {"resources": {"TPU": 1}},
    }
    tasks = [
        {"shard": shard.number, "start": start}
        for shard in shards
        for start in range(0, shard.clips, TASK_CLIPS)
    ]
    windows = ray.data.from_items(tasks, override_num_blocks=len(tasks)).flat_map(
        functools.partial(_decode, plan, shape)
    )
    coded = windows.map_batches(
        _Encoder, fn_constructor_args=(model,), compute=actors, batch_size=BATCH, **needs[device]
    )
    for row in coded.iter_rows():
        tokens = row["tokens"][: row["valid"]]
        yield Coded(row["clip"], tokens, row["samples"], row["last"], row["error"])


def _decode(plan: Plan, shape: Shape, task: dict[str, Any]) -> Iterator[Any]:
    """The windows of up to `TASK_CLIPS` clips."""
    shard, start = plan.shards[task["shard"]], task["start"]
    originals = plan.originals(shard)[start : start + TASK_CLIPS]
    for clip, original in enumerate(originals, shard.first + start):
        for piece in decoding.pieces(original, shape):
            data = np.zeros(shape.length, np.float32) if piece.data is None else piece.data
            yield {"clip": clip, **piece._asdict(), "data": data}


class _Encoder:
    """The model, on one device."""

    def __init__(self, model: str) -> None:
        from audiotok_jax.tokenizer import AudioTokenizer

        self._tokenizer = AudioTokenizer.from_pretrained(model)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, Any]:
        """Replaces samples by tokens, of which the first `valid` count."""
        from audiotok_jax.tokenizer import WINDOW, Window

        data = batch.pop("data")
        windows = (Window(0, one, WINDOW, first=False) for one in data)
        tokens = [found for _, found in self._tokenizer.encode_windows(windows)]
        valid = [self._tokenizer.config.frames(int(samples)) for samples in batch["samples"]]
        return {**batch, "tokens": np.stack(tokens), "valid": np.array(valid)}
