"""Removes noise from recordings, for runs whose targets are cleaner than their inputs.

    pip install pyrnnoise==0.4.5
    python experiments/default_model/clean.py ../shared/speech/train --out runs/clean

Uses RNNoise (Valin 2018), with the weights of the library pyrnnoise, at a level of -20 dBFS; a
second pass removes what is left of strong noise. A share of the recording is mixed in, so that
speech that was removed by mistake is not lost. The files have the names of the recordings, as
FLAC; `TrainConfig.targets` names the folder.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import multiprocessing
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray
from pyrnnoise import rnnoise

from audiotok_jax import audio
from audiotok_jax.data.clips import SAMPLE_RATE
from audiotok_jax.data.recordings import Recording
from audiotok_jax.data.sources import listing

LEVEL = 0.1
DELAY = 960
"""Samples at 48 kHz by which the network's output is delayed."""

Wave = NDArray[np.float32]


def clean(wave: Wave, passes: int = 1, kept: float = 0.15) -> Wave:
    """Float32 (samples,) at 16 kHz with less noise, at the same times and level.

    Args:
        passes: of RNNoise.
        kept: share of `wave` in the result; 0.15 lowers noise by 16.5 dB at most.
    """
    quiet = wave
    for _ in range(passes):
        quiet = _suppress(quiet)
    return (1 - kept) * quiet + np.float32(kept) * wave


def _suppress(wave: Wave) -> Wave:
    if not wave.any():
        return wave
    gain = LEVEL / np.sqrt(np.mean(np.square(wave)))
    loud = soxr.resample(wave * gain, SAMPLE_RATE, rnnoise.SAMPLE_RATE)
    size = rnnoise.FRAME_SIZE
    pcm = np.clip(np.pad(loud, (0, DELAY - len(loud) % size + size)) * 32768, -32768, 32767)
    state = rnnoise.create()
    noisy = pcm.astype(np.int16).reshape(-1, size)
    frames = [rnnoise.process_mono_frame(state, frame)[0] for frame in noisy]
    rnnoise.destroy(state)
    quiet = np.concatenate(frames)[DELAY:].astype(np.float32) / np.float32(32768 * gain)
    return soxr.resample(quiet, rnnoise.SAMPLE_RATE, SAMPLE_RATE)[: len(wave)]


def write(name: str, recording: Recording, out: Path, passes: int, kept: float) -> None:
    """Cleans one recording into the folder `out`; see `clean`."""
    path = (out / name).with_suffix(".flac")
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, clean(recording.load(SAMPLE_RATE), passes, kept), SAMPLE_RATE)


def main() -> None:
    """Reads the arguments and cleans with all cores."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", nargs="+", help="folders, tables, tars or rows of recordings")
    parser.add_argument("--out", required=True, type=Path, help="folder of the results")
    parser.add_argument("--passes", type=int, default=1, help="of RNNoise")
    parser.add_argument("--kept", type=float, default=0.15, help="share of the recording mixed in")
    args = parser.parse_args()
    found = [listing(location, SAMPLE_RATE) for location in args.data]
    for path, reason in (one for listed in found for one in listed.skipped):
        print(f"left out: {path}: {reason}")
    names = [clip.name for listed in found for clip in listed.clips]
    recordings = [recording for listed in found for recording in listed.recordings]
    job = functools.partial(write, out=args.out, passes=args.passes, kept=args.kept)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(mp_context=context) as pool:
        for _ in pool.map(job, names, recordings, chunksize=16):
            pass
    print(f"{len(names)} files in {args.out}")


if __name__ == "__main__":
    main()
