"""The size of a corpus of entropy-coded tokens, against 16 bits, zstd and xz.

    python experiments/entropy/measure.py --tokens runs/tokens/eval

writes `results.json` and `table.md` beside this file. Each clip is coded alone, as in a corpus,
except in the rows where all clips are compressed together, which favours zstd and xz.
"""

from __future__ import annotations

import argparse
import json
import lzma
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

import audiotok_jax.corpus
from audiotok_jax import entropy, files
from audiotok_jax.entropy import blocks
from audiotok_jax.provenance import provenance

HERE = Path(__file__).parent


def main(argv: Sequence[str] | None = None) -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", required=True, help="corpus of tokens")
    parser.add_argument("--model", help="the model that made them; default: the released one")
    parser.add_argument("--out", type=Path, default=HERE, help="folder; default: this one")
    args = parser.parse_args(argv)
    coder = entropy.load(args.model)
    corpus = audiotok_jax.corpus.open(args.tokens)
    if corpus.plan.settings.model_id != coder.prior.model_id:
        raise SystemExit(f"{args.tokens}: its tokens are not of the model that the prior knows")
    clips = [entry.tokens for entry in corpus]
    total = sum(map(len, clips))
    raw = [clip.astype("<u2").tobytes() for clip in clips]
    zstd = pyarrow.Codec("zstd", compression_level=19)

    def xz(data: bytes) -> bytes:
        return lzma.compress(data, lzma.FORMAT_ALONE, preset=9 | lzma.PRESET_EXTREME)

    start = time.perf_counter()
    coded = [coder.encode(clip) for clip in clips]
    middle = time.perf_counter()
    for clip, data in zip(clips, coded, strict=True):
        if not np.array_equal(coder.decode(data, len(clip)), clip):
            raise SystemExit("a decoded clip differs")
    end = time.perf_counter()
    count = sum(-(-len(clip) // coder.prior.block) for clip in clips)
    sizes = {
        "16 bits": 2 * total,
        "zstd -19": sum(len(zstd.compress(clip, asbytes=True)) for clip in raw),
        "zstd -19, all clips together": len(zstd.compress(b"".join(raw), asbytes=True)),
        "xz -9e": sum(len(xz(clip)) for clip in raw),
        "xz -9e, all clips together": len(xz(b"".join(raw))),
        "the range coder": sum(map(len, coded)),
        "the range coder, without blocks' lengths and checksums": (
            sum(map(len, coded)) - count * blocks.OVERHEAD
        ),
    }
    rows: list[dict[str, Any]] = [
        {"coder": name, "bytes": size, "bits_per_token": 8 * size / total}
        for name, size in sizes.items()
    ]
    found: dict[str, Any] = {
        "tokens": total,
        "clips": len(clips),
        "model_id": coder.prior.model_id,
        "prior_id": coder.prior.id,
        "rows": rows,
        "encode_tokens_per_second": total / (middle - start),
        "decode_tokens_per_second": total / (end - middle),
        "provenance": provenance(["constriction", "numpy", "pyarrow"]),
    }
    table = ["| coder | bytes | bits per token | saved |", "|---|--:|--:|--:|"]
    for row in rows:
        saved = 1 - row["bits_per_token"] / 16
        table.append(
            f"| {row['coder']} | {row['bytes']} | {row['bits_per_token']:.2f} | {saved:.1%} |"
        )
    args.out.mkdir(parents=True, exist_ok=True)
    files.write(args.out / "results.json", json.dumps(found, indent=2) + "\n")
    files.write(args.out / "table.md", "\n".join(table) + "\n")
    print("\n".join(table))
    for verb in ("encode", "decode"):
        print(f"{verb}: {found[f'{verb}_tokens_per_second']:.0f} tokens/s")


if __name__ == "__main__":
    main()
