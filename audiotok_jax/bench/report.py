"""Results of timings, as rows for JSON and as a table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from audiotok_jax.bench.rounds import Timing

Row = dict[str, Any]

HEADER = (
    "what, by which codec",
    "x real time",
    "lowest-highest",
    "x first",
    "ms a step",
    "GFLOP",
    "in its time",
    "share",
    "compiled, s",
)


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median, lowest and highest."""
    found = list(values)
    return {"median": statistics.median(found), "lowest": min(found), "highest": max(found)}


def rows(timings: Sequence[Timing]) -> list[Row]:
    """Facts and ratios of each task, JSON-ready.

    Ratios are taken within each round, and then their median, lowest and highest.

    Returns:
        `what`, `codec`, `speech_seconds`, `streams`, `steps`, `flops`, and `compile_seconds`,
            `seconds`, `product_flops_per_second`: as in `Timing`.
        `times_real_time`: seconds of speech in a second.
        `times_first`: speed over that of the first task that does the same.
        `step_ms`, `frame_ms`: time of a step, and of the frame that it is for; None of files.
        `gflop`: of matrix products for a second of speech; None if unknown.
        `gflop_in_its_time`: what matrix products alone would do in the time that it takes for a
            second of speech: a measure of cost that does not depend on the machine.
        `share_of_products`: `gflop` over `gflop_in_its_time`, the share of that rate that it
            reaches; None if unknown.
    """
    first: dict[str, Timing] = {}
    return [_row(timing, first.setdefault(timing.task.what, timing)) for timing in timings]


def _row(timing: Timing, first: Timing) -> Row:
    task, seconds = timing.task, timing.seconds
    speeds, firsts = ([one.task.speech / taken for taken in one.seconds] for one in (timing, first))
    costs = [rate / speed / 1e9 for rate, speed in zip(timing.rates, speeds, strict=True)]
    gflop = None if task.flops is None else task.flops / task.speech / 1e9
    return {
        "what": task.what,
        "codec": task.codec,
        "speech_seconds": task.speech,
        "streams": task.streams,
        "steps": task.steps,
        "flops": task.flops,
        "compile_seconds": timing.compiled,
        "seconds": seconds,
        "product_flops_per_second": timing.rates,
        "times_real_time": spread(speeds),
        "times_first": spread(a / b for a, b in zip(speeds, firsts, strict=True)),
        "step_ms": spread(1000 * taken / task.steps for taken in seconds) if task.steps else None,
        "frame_ms": 1000 * task.speech / task.steps / task.streams if task.steps else None,
        "gflop": gflop,
        "gflop_in_its_time": spread(costs),
        "share_of_products": None if gflop is None else spread(gflop / cost for cost in costs),
    }


def table(found: Iterable[Row]) -> list[tuple[str, ...]]:
    """The table for people, its header first."""
    return [HEADER, *map(_cells, found)]


def _cells(row: Row) -> tuple[str, ...]:
    speed, step, share = row["times_real_time"], row["step_ms"], row["share_of_products"]
    return (
        f"{row['what']}, {Path(row['codec']).name}",
        f"{speed['median']:.1f}",
        f"{speed['lowest']:.1f}-{speed['highest']:.1f}",
        f"{row['times_first']['median']:.2f}",
        f"{step['median']:.2f} of {row['frame_ms']:g}" if step else "",
        "" if row["gflop"] is None else f"{row['gflop']:.2f}",
        f"{row['gflop_in_its_time']['median']:.2f}",
        f"{share['median']:.0%}" if share else "",
        f"{row['compile_seconds']:.1f}",
    )
