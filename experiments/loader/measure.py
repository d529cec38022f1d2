"""Measures how fast audio is read for training: from files, a tar and a built dataset.

    python experiments/loader/measure.py --data ../shared/speech/train \
        --flac ../shared/speech/eval --noise ../shared/speech/noise --rooms ../shared/speech/impulse

DATA is put into a tar and into a dataset in a temporary folder, and all three must give the same
batches. Writes `results.json` beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from audiotok_jax.data.augment import Augment
from audiotok_jax.data.build import build, destination
from audiotok_jax.data.pipeline import Loader
from audiotok_jax.data.sampler import LANES, RUN
from audiotok_jax.data.sources import Clips, open_clips
from audiotok_jax.data.tables import beside
from audiotok_jax.provenance import provenance

HERE = Path(__file__).parent
RATE = 16000
CROP = RATE
ROWS = 12


def speed(clips: Clips, seconds: float, **options: Any) -> dict[str, float]:
    """Speed of reading batches, over `seconds`, once every lane has opened its first clip."""
    data = Loader(clips, CROP, ROWS, 0, **options)
    for _ in range(LANES + 8):
        next(data)
    began, used, heard = time.monotonic(), time.process_time(), 0.0
    while time.monotonic() - began < seconds:
        heard += next(data).audio.size / RATE
    passed, used = time.monotonic() - began, time.process_time() - used
    data.close()
    found: dict[str, float] = {"audio_seconds_per_second": round(heard / passed)}
    if not options.get("workers"):  # the time of other processes is not seen here
        found["audio_seconds_per_cpu_second"] = round(heard / used)
    return found


def decoded(clips: Clips) -> float:
    """Seconds of audio that are decoded per second of batches, after the start."""
    total = 0.0

    class Counted(Clips):
        def __init__(self) -> None:
            self.__dict__.update(clips.__dict__)

        def read(self, number: int) -> Any:
            nonlocal total
            total += self[number].seconds
            return np.zeros(self[number].num_samples, np.int16)

    steps = Loader(Counted(), CROP, ROWS, 0)._steps
    for step in range(LANES):
        steps[step]
    total = 0.0
    count = LANES * RUN * 8
    for step in range(LANES, LANES + count):
        steps[step]
    return total / (count * ROWS * CROP / RATE)


def check_same(kinds: dict[str, Clips], count: int) -> None:
    """Ends the program if the first `count` batches differ."""
    data = [Loader(clips, CROP, ROWS, 0) for clips in kinds.values()]
    for step in range(count):
        waves = [next(one).audio for one in data]
        if any(not np.array_equal(wave, waves[0]) for wave in waves):
            sys.exit(f"batch {step} is not the same for {', '.join(kinds)}")
    for one in data:
        one.close()


def main() -> None:
    """Reads the arguments, measures, writes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, type=Path, help="folder of compressed speech")
    parser.add_argument("--flac", required=True, help="folder of FLAC files")
    parser.add_argument("--noise", required=True, help="folder of noise")
    parser.add_argument("--rooms", required=True, help="folder of impulse responses")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    args = parser.parse_args()
    augment = Augment(
        reverb=0.5, reverb_data=(args.rooms,), noise=0.5, noise_data=(args.noise,), band=0.5
    )
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        began = time.monotonic()
        folder = open_clips([str(args.data)], RATE)
        opened = time.monotonic() - began
        table = beside(args.data)
        if table is not None:
            shutil.copy(table, temporary)
        packed = Path(temporary, args.data.resolve().name + ".tar")
        with tarfile.open(packed, "w") as tar:
            tar.add(args.data, args.data.resolve().name)
        target = destination("speech", temporary, "train", False)
        began = time.monotonic()
        build(folder, target)
        built = time.monotonic() - began
        kinds = {
            "files": folder,
            "tar": open_clips([str(packed)], RATE),
            "dataset": open_clips([f"tfds:{target}"], RATE),
        }
        check_same(kinds, 2 * LANES)
        kinds["flac"] = open_clips([args.flac], RATE)
        speeds = [
            {"source": kind, "workers": workers, "augment": changed is augment}
            | speed(clips, args.seconds, workers=workers, augment=changed)
            for kind, clips in kinds.items()
            for workers, changed in ((0, Augment()), (2, Augment()), (0, augment))
        ]
    results = {
        "rows": ROWS,
        "crop_seconds": CROP / RATE,
        "clips": len(folder),
        "hours": round(folder.seconds / 3600, 2),
        "seconds_to_open_folder": round(opened, 1),
        "built_at_times_real_time": round(folder.seconds / built),
        "seconds_decoded_per_second_given": round(decoded(folder), 2),
        "load_average_before": round(load, 1),
        "speeds": speeds,
    } | provenance(["grain", "numpy", "soundfile", "tensorflow-datasets", "array-record"])
    text = json.dumps(results, indent=1)
    (HERE / "results.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
