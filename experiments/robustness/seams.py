"""Is there a click or a comb at the boundaries of frames or windows, and does silence stay silent?

python experiments/robustness/seams.py ../shared/speech/eval OUT.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from audiotok_jax import AudioTokenizer, audio
from audiotok_jax.evaluate import clips
from audiotok_jax.files import replacing
from audiotok_jax.provenance import provenance
from audiotok_jax.tokenizer import WINDOW

RATE = 16000
REACH = 16
"""Samples on either side that count as the boundary: 1 ms."""
EDGE_HZ = 3000
"""Clicks are looked for above this, where speech has little to hide them."""


def above(wave: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of the samples that is left above `EDGE_HZ`."""
    sections = scipy.signal.butter(6, EDGE_HZ, "highpass", fs=RATE, output="sos")
    return np.square(scipy.signal.sosfiltfilt(sections, wave.astype(np.float64)))


def excess(power: NDArray[np.float64], hop: int) -> dict[str, float]:
    """Power near the multiples of `hop` against elsewhere, in dB.

    `spread` is the standard deviation of the same at places between them, which are no boundaries:
    what chance makes of it, as a recording has few windows.
    """
    by_phase = power[: len(power) // hop * hop].reshape(-1, hop).mean(axis=0)
    starts = range(0, hop, 2 * REACH)
    inside = np.array([np.roll(by_phase, REACH - at)[: 2 * REACH].mean() for at in starts])
    outside = (by_phase.mean() * hop - inside * 2 * REACH) / (hop - 2 * REACH)
    db = 10 * np.log10(inside / outside)
    return {"db": round(float(db[0]), 3), "spread": round(float(db[1:].std()), 3)}


def main() -> None:
    """Reads the arguments, measures, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("speech", help="folder or table of clean speech")
    parser.add_argument("out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    tokenizer = AudioTokenizer.from_pretrained()
    found, _ = clips.find([args.speech])
    # One long recording: many windows, and phases of frames that have nothing to do with speech.
    speech = np.concatenate([audio.read(clip.path, RATE)[0] for clip in found])
    decoded = tokenizer.decode(tokenizer.encode(speech, RATE), len(speech))
    facts = {"seconds": round(len(speech) / RATE, 1), "model_id": tokenizer.model_id}
    for name, hop in (("frame", tokenizer.hop_length), ("window", WINDOW * tokenizer.hop_length)):
        facts[f"{name}_boundaries_db"] = {
            band: {
                which: excess(power(wave), hop)
                for which, wave in (("original", speech), ("decoded", decoded))
            }
            for band, power in (("all", lambda wave: np.square(wave, dtype=float)), ("high", above))
        }
    random = np.random.default_rng(0)
    noise = random.standard_normal(10 * RATE).astype(np.float32)
    for name, wave in {"digital_silence": 0 * noise, "noise_at_-80_dbfs": 1e-4 * noise}.items():
        heard = tokenizer.decode(tokenizer.encode(wave, RATE), len(wave))
        facts[f"{name}_decoded_dbfs"] = {
            "rms": _db(np.sqrt(np.mean(np.square(heard, dtype=float)))),
            "peak": _db(np.abs(heard).max()),
        }
    with replacing(args.out) as path:
        path.write_text(json.dumps(facts | provenance([]), indent=2) + "\n")
    print(json.dumps(facts, indent=2))


def _db(amplitude: float) -> float:
    return round(float(20 * np.log10(amplitude + 1e-9)), 1)


if __name__ == "__main__":
    main()
