"""Build a TFDS dataset from any audio.

Decodes the audio once, to 16 kHz mono with 16 bits, and writes it as a dataset of TensorFlow
Datasets in the format array_record, which training reads many times faster. Needs no TensorFlow.
"""

from __future__ import annotations

import argparse

from audiotok_jax import extras
from audiotok_jax.commands import _options as options
from audiotok_jax.terminal import progress, tell

EXAMPLES = ("audiotok data build corpus/ more.tsv --name speech",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_inputs(parser, options.CLIPS)
    parser.add_argument("--name", required=True, help="of the dataset, as in tfds:NAME")
    parser.add_argument(
        "--out",
        type=options.path,
        metavar="DATA_DIR",
        help="folder of datasets; default: $TFDS_DATA_DIR or ~/tensorflow_datasets",
    )
    parser.add_argument("--split", default="train", help="its name; default: train")
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Builds the dataset, with a list of what was left out in `skipped.jsonl`; returns 0."""
    extras.need("train", "grain", "pyarrow", "tensorflow_datasets")
    from audiotok_jax.data.build import build, destination
    from audiotok_jax.data.clips import SAMPLE_RATE
    from audiotok_jax.data.sources import open_clips

    folder = destination(args.name, args.out, args.split, args.force)
    clips = open_clips(args.inputs, SAMPLE_RATE)
    with progress("building", len(clips)) as advance:
        built = build(clips, folder, args.split, advance)
    if built.skipped:
        tell(f"{len(built.skipped)} left out; {folder / 'skipped.jsonl'} says why")
    print(f"{folder}: {built.clips} clips, {built.seconds / 3600:.2f} h")
    where = args.name if args.out is None else folder.resolve()
    print(f"train on it with --data tfds:{where}:{args.split}")
    return 0
