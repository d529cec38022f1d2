"""Checks for clicks at the boundaries of frames and windows, and for sound in decoded silence.

python experiments/robustness/seams.py ../shared/speech/eval OUT.json [--model speech-40hz-v1]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import scipy.signal
from numpy.typing import NDArray

from audiotok_jax import AudioTokenizer, audio, files, pretrained
from audiotok_jax.codec import model
from audiotok_jax.evaluate import clips
from audiotok_jax.provenance import provenance
from audiotok_jax.tokenizer import WINDOW

RATE = 16000
REACH = 16
"""Samples on either side that count as the boundary: 1 ms."""
EDGE_HZ = 3000
"""Clicks are looked for above this, where speech has little to hide them."""
WHOLE = 10 * WINDOW
"""Tokens that are decoded at a time without windows, to compare with."""


def square(wave: NDArray[np.floating]) -> NDArray[np.float64]:
    """Power of the samples."""
    return np.square(wave, dtype=np.float64)


def above(wave: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of the samples that is left above `EDGE_HZ`."""
    sections = scipy.signal.butter(6, EDGE_HZ, "highpass", fs=RATE, output="sos")
    return square(scipy.signal.sosfiltfilt(sections, wave.astype(np.float64)))


def excess(power: NDArray[np.float64], hop: int) -> dict[str, float]:
    """Power near the multiples of `hop` against elsewhere, in dB.

    `spread` is the standard deviation of the same at positions between them, due to chance.
    """
    by_phase = power[: len(power) // hop * hop].reshape(-1, hop).mean(axis=0)
    starts = range(0, hop, 2 * REACH)
    inside = np.array([np.roll(by_phase, REACH - at)[: 2 * REACH].mean() for at in starts])
    outside = (by_phase.mean() * hop - inside * 2 * REACH) / (hop - 2 * REACH)
    db = 10 * np.log10(inside / outside)
    return {"db": round(float(db[0]), 3), "spread": round(float(db[1:].std()), 3)}


def at_windows(
    tokenizer: AudioTokenizer, released: pretrained.Model, tokens: NDArray[np.uint16]
) -> dict[str, float]:
    """Compares decoding by windows with decoding without windows.

    Power near the boundaries in dB relative to the same samples without windows, of the whole
    signal and above `EDGE_HZ`, and the largest difference of a sample.
    """
    decode = jax.jit(lambda tokens: model.decode(released.params, released.config, tokens))
    pieces = tokens[: len(tokens) // WHOLE * WHOLE].reshape(-1, WHOLE)
    by_windows = np.stack(tokenizer.decode_batch(pieces))
    whole = np.concatenate([decode(piece[None]) for piece in pieces])
    hop = WINDOW * tokenizer.hop_length
    near = [slice(at - REACH, at + REACH) for at in range(hop, whole.shape[1], hop)]

    def power(waves: NDArray[np.float32], of: Callable[[Any], Any]) -> float:
        return float(sum(of(wave)[part].sum() for wave in waves for part in near))

    return (
        {"boundaries": len(pieces) * len(near)}
        | {
            f"{band}_db": round(10 * np.log10(power(by_windows, of) / power(whole, of)), 4)
            for band, of in (("all", square), ("high", above))
        }
        | {"largest_difference": float(np.abs(by_windows - whole).max())}
    )


def main() -> None:
    """Reads the arguments, measures, writes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("speech", help="folder or table of clean speech")
    parser.add_argument("out", type=Path, help="JSON file to write")
    parser.add_argument("--model", help="name or folder; default: the default model")
    args = parser.parse_args()
    tokenizer = AudioTokenizer.from_pretrained(args.model)
    found, _ = clips.find([args.speech])
    # One long recording, so that boundaries have nothing to do with where speech begins.
    speech = np.concatenate([audio.read(clip.path, RATE)[0] for clip in found])
    tokens = tokenizer.encode(speech, RATE)
    decoded = tokenizer.decode(tokens, len(speech))
    facts = {"seconds": round(len(speech) / RATE, 1), "model_id": tokenizer.model_id}
    facts["frame_boundaries_db"] = {
        band: {
            which: excess(of(wave), tokenizer.hop_length)
            for which, wave in (("original", speech), ("decoded", decoded))
        }
        for band, of in (("all", square), ("high", above))
    }
    facts["window_boundaries"] = at_windows(tokenizer, pretrained.load(args.model), tokens)
    random = np.random.default_rng(0)
    noise = random.standard_normal(10 * RATE).astype(np.float32)
    for name, wave in {"digital_silence": 0 * noise, "noise_at_-80_dbfs": 1e-4 * noise}.items():
        heard = tokenizer.decode(tokenizer.encode(wave, RATE), len(wave))
        facts[f"{name}_decoded_dbfs"] = {
            "rms": _db(np.sqrt(np.mean(np.square(heard, dtype=float)))),
            "peak": _db(np.abs(heard).max()),
        }
    files.write(args.out, json.dumps(facts | provenance([]), indent=2) + "\n")
    print(json.dumps(facts, indent=2))


def _db(amplitude: float) -> float:
    return round(float(20 * np.log10(amplitude + 1e-9)), 1)


if __name__ == "__main__":
    main()
