"""Makes a corpus: its plan, then the missing shards."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from audiotok_jax.corpus import inputs, shards
from audiotok_jax.corpus.decoding import Unavailable
from audiotok_jax.corpus.engines import Coded, Done, join
from audiotok_jax.corpus.formats import Layout
from audiotok_jax.corpus.plan import PLAN, Plan, Settings, Shard, digest
from audiotok_jax.corpus.shards import Receipt


def prepare(out: Path, settings: Settings) -> Plan:
    """The plan of a corpus in an existing folder, read if it exists, or else written.

    `clips` of the settings is ignored.

    Raises:
        ValueError: another plan exists; or see `inputs.find`.
        OSError: see `inputs.find`; or the plan cannot be written.
    """
    clips = inputs.find(settings.inputs)
    settings = replace(settings, clips=digest(clips))
    (out / shards.FOLDER).mkdir(exist_ok=True)
    for path in out.glob(".*.tmp"):  # of a process that was killed
        path.unlink()
    if not (out / PLAN).exists():
        return Plan.write(out, settings, clips)
    plan = Plan.read(out)
    before = asdict(plan.settings)
    for name, now in asdict(settings).items():
        if name == "model" or now == before[name]:
            continue
        what = f"{name} {before[name]}, and now it is {now}"
        if name == "clips":
            what = "other clips than those that the inputs hold now"
        raise ValueError(
            f"{out}: was begun with {what}; go on with what it was begun with, or choose another "
            "--out"
        )
    return plan


def make(
    plan: Plan,
    todo: Sequence[Shard],
    layout: Layout,
    coded: Iterable[Coded],
    errors: int,
    max_errors: int | None,
) -> Generator[Done | Receipt, None, None]:
    """Writes the shards `todo` of a plan, in its order.

    Args:
        plan, todo, layout: see `shards.write`.
        coded: windows of the clips in `todo`, from an engine.
        errors: number of unreadable clips in finished shards.
        max_errors: largest number of unreadable clips; None is no limit.

    Yields:
        The result of each clip, and a receipt after the clips of each shard.

    Raises:
        ValueError: there are more than `max_errors`.
        OSError: a shard cannot be written, or see `decoding.Unavailable`.
    """
    clips = join(coded)
    for shard in todo:
        try:
            for event in shards.write(plan, shard, layout, clips):
                yield event
                if isinstance(event, Done) and event.error:
                    errors += 1
                    if max_errors is not None and errors > max_errors:
                        raise ValueError(
                            f"stopped: more than {max_errors} clips cannot be read, the last one "
                            f"{plan.path_of(event.clip)}: {event.error}"
                        )
        except Unavailable:
            raise
        except OSError as error:
            raise OSError(
                f"{plan.out / shards.FOLDER / shard.name}: {error.strerror or error}; the shards "
                "before are kept, and the same command goes on from there"
            ) from None
