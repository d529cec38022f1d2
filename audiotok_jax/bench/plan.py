"""The list of benchmark tasks, in the order in which they are timed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import jax

from audiotok_jax.bench import ours
from audiotok_jax.bench.peers import of_peer
from audiotok_jax.bench.rounds import Task
from audiotok_jax.extras import MissingExtraError
from audiotok_jax.pretrained import Model
from audiotok_jax.settings import pinned


@pinned()
def tasks(
    models: Mapping[str, Model], peers: Iterable[str], seconds: int, device: jax.Device, room: Path
) -> tuple[list[Task], dict[str, str]]:
    """All tasks; those that do the same are consecutive.

    Args:
        models: by name.
        peers: names in `peers.PEERS`.
        seconds: of speech in files.
        device: that computes.
        room: an empty folder for files, which must exist as long as tasks run.

    Returns:
        The tasks, and what is left out, with the reason.
    """
    found: list[Task] = []
    left_out: dict[str, str] = {}
    clips = ours.write_clips(room / "clips", seconds)
    for name, loaded in models.items():
        files = ours.of_files(name, loaded, clips, seconds, device)
        found += files
        try:
            from audiotok_jax.bench.corpora import of_corpus

            found.append(of_corpus(name, loaded, clips[0].parent, files[0], device))
        except MissingExtraError as error:
            left_out["a corpus"] = str(error)
        for streams in (1, ours.STREAMS):
            found += ours.of_streams(name, loaded, streams, device)
    for kind in peers:
        try:
            if device.platform != "cpu":
                raise ValueError(f"it runs on the CPU, and not on the {device.platform}")
            found += of_peer(kind, seconds)
        except ValueError as error:
            left_out[kind] = str(error)
    order = list(dict.fromkeys(task.what for task in found))
    return sorted(found, key=lambda task: order.index(task.what)), left_out
