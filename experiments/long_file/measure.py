"""Encodes and decodes one long file through the command line, and measures memory and speed.

    python experiments/long_file/measure.py --data ../shared/speech/eval --hours 2

Clips below DATA are joined, again and again, to one WAV file in a temporary folder. Times are
those of the whole process, start and compilation included. Writes `results.json` beside this
file.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from audiotok_jax import audio
from audiotok_jax.files import find
from audiotok_jax.formats import AUDIO_READ
from audiotok_jax.provenance import provenance

HERE = Path(__file__).parent
RATE = 16000


def join(folder: Path, samples: int, path: Path) -> None:
    """Writes clips below a folder to one file of the given length."""
    with audio.Writer(path, RATE) as writer:
        for clip in itertools.cycle(find([folder], AUDIO_READ)):
            wave, _ = audio.read(clip, RATE)
            writer.write(wave[:samples])
            samples -= len(wave[:samples])
            if not samples:
                return


def run(*arguments: str) -> dict[str, float]:
    """Runs `audiotok`: seconds, and the largest amount of memory it held in MiB."""
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "audiotok_jax", *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"audiotok {' '.join(arguments)} failed")
    return {"seconds": time.monotonic() - started, "peak_mib": usage.ru_maxrss / 1024}


def main() -> None:
    """Reads the arguments, measures, writes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, type=Path, help="folder of clips")
    parser.add_argument("--hours", type=float, default=2.0)
    args = parser.parse_args()
    samples = int(args.hours * 3600 * RATE)
    with tempfile.TemporaryDirectory() as folder:
        long, tokens, again = (Path(folder) / name for name in ("a.wav", "a.atok", "b.wav"))
        join(args.data, samples, long)
        measured = {
            "encode": run("encode", str(long), "-o", str(tokens)),
            "decode": run("decode", str(tokens), "-o", str(again)),
        }
        rate, pieces = audio.stream(again)
        length = sum(len(piece) for piece in pieces)
        if (rate, length) != (RATE, samples):
            sys.exit(f"{length} samples at {rate} Hz came back, not {samples} at {RATE}")
    for one in measured.values():
        one["times_real_time"] = args.hours * 3600 / one["seconds"]
    command = f"python experiments/long_file/measure.py --data DATA --hours {args.hours:g}"
    text = json.dumps({"command": command} | provenance(["jax"]) | measured, indent=1)
    (HERE / "results.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
