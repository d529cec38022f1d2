"""Fuzzes the readers with ten thousand damaged, forged and odd files, and counts the faults.

    python experiments/robustness/fuzz.py --out experiments/robustness/results/fuzz.json

Each input is a file made here, of synthetic speech or random tokens, with one or two mutations that
follow from `--seed` and its number. A reader must return what is in the file, or raise an error of
one line that names it; `fuzzing/` has the readers, mutations and checks. `--only N` writes input N
to the folder OUT and prints its outcome.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from queue import Empty, Queue
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # nothing is computed here
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from fuzzing import (  # noqa: E402
    archives,
    audio_files,
    corpora,
    model_files,
    tables,
    token_files,
    workers,
)
from fuzzing.target import Target  # noqa: E402
from fuzzing.workers import FAULTS, Result, Worker  # noqa: E402

from audiotok_jax.provenance import provenance  # noqa: E402

PARTS = (audio_files, tables, archives, token_files, model_files, corpora)
LIBRARIES = ("numpy", "soundfile", "pyarrow", "safetensors", "array_record", "constriction")


def make(folder: Path) -> None:
    """Writes the undamaged files."""
    for part in PARTS:
        part.make(folder)


def targets(folder: Path) -> list[Target]:
    """All targets in a folder that `make` filled, or in a copy of it."""
    return [target for part in PARTS for target in part.targets(folder)]


def run(seed: int, count: int, jobs: int) -> list[Result]:
    """Reads `count` inputs in `jobs` processes."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name).resolve()
        make(folder)
        team = [Worker(folder, targets, seed) for _ in range(jobs)]
        found = team[0].targets
        waiting: Queue[tuple[int, Result]] = Queue()
        for number, target in enumerate(workers.schedule(found, count)):
            about = Result(number, found[target].reader, found[target].file, "")
            waiting.put((target, about))
        results: list[Result] = []

        def work(worker: Worker) -> None:
            try:
                while True:
                    results.append(worker.run(*waiting.get_nowait()))
            except Empty:
                pass
            finally:
                worker.stop()

        threads = [threading.Thread(target=work, args=(worker,)) for worker in team]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sorted(results, key=lambda result: result.number)


def report(results: list[Result]) -> dict[str, Any]:
    """Counts by reader and outcome, and a list of all faults."""
    readers: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        readers[result.reader][result.outcome] += 1
    faults = Counter(result.outcome for result in results if result.outcome in FAULTS)
    return {
        "inputs": len(results),
        "faults": {name: faults[name] for name in FAULTS},
        "peak_mib": max(result.memory for result in results) >> 20,
        "readers": {
            name: {"inputs": readers[name].total(), **dict(sorted(readers[name].items()))}
            for name in sorted(readers)
        },
        "found": [
            {"number": one.number, "reader": one.reader, "file": one.file, "how": one.how}
            | {"outcome": one.outcome, "detail": one.detail}
            for one in results
            if one.outcome in FAULTS
        ],
    }


def show(seed: int, count: int, number: int, out: Path) -> None:
    """Writes one input of a run to a folder, and prints its outcome."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name).resolve()
        make(folder)
        found = targets(folder)
        outlines = [workers.Outline(one.reader, one.share, one.path.name) for one in found]
        target = found[workers.schedule(outlines, count)[number]]
        whole = target.path.read_bytes()
        data, how = workers.mutant(target, whole, seed, number)
        out.mkdir(parents=True, exist_ok=True)
        (out / target.path.name).write_bytes(data)
        print(f"{target.reader}: {out / target.path.name}, by {how}", flush=True)
        print(*workers.examine(target, whole, data), sep="\n")


def main() -> int:
    """Reads the arguments, runs, writes; returns 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--count", type=int, default=10_000, help="of inputs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--only", type=int, help="number of an input")
    args = parser.parse_args()
    if args.only is not None:
        show(args.seed, args.count, args.only, args.out)
        return 0
    began = time.monotonic()
    results = run(args.seed, args.count, args.jobs)
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = sum(sum(resource.getrusage(one)[:2]) for one in who)
    found = {"seed": args.seed, **report(results)}
    found |= {"seconds": round(time.monotonic() - began), "cpu_seconds": round(used)}
    args.out.write_text(json.dumps(found | provenance(LIBRARIES), indent=1) + "\n")
    print(json.dumps(found["faults"]))
    return int(any(found["faults"].values()))


if __name__ == "__main__":
    sys.exit(main())
