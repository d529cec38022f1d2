"""Measure speed: files, corpora, live streams.

Measures codecs side by side, in turns, on one device: encoding and decoding of files, the making of
a corpus, one live stream and many by steps of a frame; and other neural codecs that are installed,
on the CPU. Shows medians over the rounds:

  x real time   seconds of speech in a second, and the range over the rounds
  x first       speed over that of the first codec, round by round
  ms a step     of live streams, of the milliseconds that a frame lasts
  GFLOP         10^9 operations of matrix products for a second of speech
  in its time   those that products of matrices alone do, measured just before, in the time that it
                takes for a second of speech: its cost, whatever the machine
  share         the one over the other
  compiled, s   time of XLA in a first run, which counts for nothing else
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotok_jax import files
from audiotok_jax.commands import _options as options
from audiotok_jax.terminal import show_table, tell

if TYPE_CHECKING:
    from audiotok_jax.pretrained import Model

EXAMPLES = (
    "audiotok bench",
    "audiotok bench speech-80hz-v10 live/ --json speed.json",
    'taskset -c 0 audiotok bench --preset live-80hz --peers ""    on one core',
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models",
        type=options.path,
        nargs="*",
        metavar="MODEL",
        help="released models' names, or folders; default: the model that comes with the package",
    )
    parser.add_argument(
        "--preset", nargs="+", default=[], metavar="NAME", help="untrained ones; see audiotok info"
    )
    parser.add_argument(
        "--seconds",
        type=options.positive,
        default=10,
        metavar="S",
        help="of speech in files; GPUs and TPUs are busy with some hundreds; default: %(default)s",
    )
    parser.add_argument(
        "--rounds", type=options.positive, default=5, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--peers",
        default="encodec,dac,mimi",
        metavar="A,B,...",
        help='other codecs, with random weights; "" is none; default: %(default)s',
    )
    parser.add_argument(
        "--json", type=options.path, metavar="FILE", help="write JSON; - prints it, and no table"
    )
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Measures, and prints or writes what was found; returns 0."""
    if args.json and args.json != "-":
        if os.path.lexists(args.json) and not args.force:
            raise ValueError(f"{args.json} exists; --force replaces it")
        if not Path(args.json).absolute().parent.is_dir():
            raise ValueError(f"{args.json}: no such folder")

    import jax

    from audiotok_jax import parallel
    from audiotok_jax.bench import ours, plan, report, rounds
    from audiotok_jax.bench.peers import PEERS
    from audiotok_jax.provenance import provenance

    peers = [name for name in args.peers.split(",") if name]
    if unknown := set(peers) - set(PEERS):
        raise ValueError(f"no peer {min(unknown)!r}; there are {', '.join(PEERS)}")
    models = _models(args)
    device = jax.local_devices()[0]
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as room:
        tasks, left_out = plan.tasks(models, peers, args.seconds, device, Path(room))
        for name, reason in left_out.items():
            tell(f"{name} is left out: {reason}")
        timings = rounds.measure(tasks, device, args.rounds, tell)
    found = report.rows(timings)
    facts: dict[str, Any] = provenance(["jax", "jaxlib", "numpy", "torch", "transformers"])
    facts |= {
        "device": {
            "platform": device.platform,
            "kind": device.device_kind,
            "cores": parallel.cores(),
        },
        "load_average": {"before": load, "after": os.getloadavg()[0]},
        "settings": {
            "seconds": args.seconds,
            "rounds": args.rounds,
            "clip_seconds": ours.CLIP,
            "steps": ours.STEPS,
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
        },
        "models": {name: loaded.model_id for name, loaded in models.items()},
        "left_out": left_out,
        "product_flops_per_second": report.spread(
            rate for timing in timings for rate in timing.rates
        ),
        "rows": found,
    }
    text = json.dumps(facts, indent=1, allow_nan=False) + "\n"
    if args.json == "-":
        print(text, end="")
        return 0
    show_table(report.table(found))
    print()
    print(_about(facts))
    if args.json:
        files.write(args.json, text)
    return 0


def _models(args: argparse.Namespace) -> dict[str, Model]:
    """The models to measure, by name."""
    import jax

    from audiotok_jax import pretrained
    from audiotok_jax.codec import model
    from audiotok_jax.config import preset

    names = args.models or ([] if args.preset else [pretrained.DEFAULT])
    found = {name: pretrained.load(name) for name in names}
    for name in args.preset:
        config = preset(name)
        params = jax.jit(model.init, static_argnums=1)(jax.random.key(0), config)
        released = model.release(params, config)
        model_id = pretrained.identity(released, config)
        found[f"untrained {name}"] = pretrained.Model(released, config, model_id, {})
    return found


def _about(facts: dict[str, Any]) -> str:
    device, load, rate = (
        facts[name] for name in ("device", "load_average", "product_flops_per_second")
    )
    low, middle, high = (rate[name] / 1e9 for name in ("lowest", "median", "highest"))
    return (
        f"on {device['kind']}, {device['cores']} cores used of {facts['machine']}\n"
        f"load average {load['before']:.1f} before, {load['after']:.1f} after; "
        f"commit {facts['commit']}, JAX {facts['libraries']['jax']}\n"
        f"products of matrices of float32: {middle:.0f} GFLOP/s ({low:.0f}-{high:.0f})"
    )
