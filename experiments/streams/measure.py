"""The speed of streams by the number of frames per step, and how many of their tokens differ.

    python experiments/streams/measure.py CLIP [--model NAME]

Prints, for each number of frames, how many times faster than real time a clip is encoded and
decoded as a stream, after a first pass that compiles, and how many of its tokens differ from those
of the whole clip. `tokenizer.STREAM_FRAMES` is chosen by it.
"""

from __future__ import annotations

import argparse
import time

import jax
import numpy as np

from audiotok_jax import AudioTokenizer, audio


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clip", help="an audio file")
    parser.add_argument("--model", help="default: the released one")
    parser.add_argument("--frames", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    args = parser.parse_args()
    tokenizer = AudioTokenizer.from_pretrained(args.model, devices=jax.devices()[:1])
    wave, rate = audio.read(args.clip)
    whole = tokenizer.encode(wave, rate)
    seconds = len(wave) / rate
    print(f"model {tokenizer.model_id}, {seconds:.1f} s, {jax.devices()[0].device_kind}\n")
    print("| frames per step | encode, x real time | decode, x real time | tokens that differ |")
    print("|--:|--:|--:|--:|")
    for frames in args.frames:
        for _ in range(2):  # the first pass compiles
            start = time.perf_counter()
            tokens = np.concatenate([*tokenizer.encode_stream([wave], rate, frames)])
            encoded = time.perf_counter()
            for _ in tokenizer.decode_stream([tokens], frames):
                pass
            decoded = time.perf_counter()
        differ = np.count_nonzero(tokens != whole)
        speeds = [seconds / (encoded - start), seconds / (decoded - encoded)]
        print(f"| {frames} | {speeds[0]:.1f} | {speeds[1]:.1f} | {differ} of {len(whole)} |")


if __name__ == "__main__":
    main()
