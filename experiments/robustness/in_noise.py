"""Quality of noisy speech after codecs, relative to the speech without the noise.

    python experiments/robustness/in_noise.py CONDITIONS OUT.json

CONDITIONS is the folder of conditions.py. `pcm` is the noisy speech itself: a codec with higher
values has removed noise, one with lower values has lost speech.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from audiotok_jax import audio, files, pretrained
from audiotok_jax.evaluate import codecs
from audiotok_jax.evaluate.align import align
from audiotok_jax.evaluate.codecs.interface import at_rate
from audiotok_jax.evaluate.metrics import METRICS, RATE, Original, measure
from audiotok_jax.provenance import provenance

NOISY = ("noise-20-db", "noise-10-db", "noise-5-db")
CODECS = ("pcm", "audiotok", "audiotok:speech-40hz-v1", "codec2:3200", "opus:6")
"""`speech-40hz-v1` learnt to leave noise out."""
MEASURED = [m for m in METRICS if m.name in ("pesq_wb", "stoi", "dnsmos_ovrl")]


def main() -> None:
    """Reads the arguments, measures, writes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("conditions", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    clean = sorted((args.conditions / "clean").iterdir())
    originals = [Original(audio.read(path, RATE)[0]) for path in clean]
    found: dict[str, dict[str, dict[str, float]]] = {}
    for spec in CODECS:
        codec = codecs.parse(spec)
        for condition in NOISY:
            rows = []
            for path, original in zip(clean, originals, strict=True):
                noisy, _ = audio.read(args.conditions / condition / path.name, RATE)
                decoded = at_rate(codec.decode(codec.encode(noisy, RATE)), codec.sample_rate, RATE)
                rows.append(measure(original, align(noisy, decoded, RATE).decoded, MEASURED))
            found.setdefault(condition, {})[spec] = {
                m.name: round(float(np.mean([row[m.name] for row in rows])), 3) for m in MEASURED
            }
    about = {"model_id": pretrained.load().model_id, "clips": len(clean), **provenance([])}
    files.write(args.out, json.dumps(about | {"means": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
