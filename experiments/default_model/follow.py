"""The correlation of the losses with PESQ-WB on decoded speech of models.

    python experiments/default_model/follow.py ../shared/speech/eval --model A --model B

On two seconds of some clips of each set. Prints the correlation of each loss with PESQ-WB over all
clips and models and, for two models, that of the differences between them clip by clip.
"""

from __future__ import annotations

import argparse

import jax
import numpy as np
import scipy.stats
from pesq import pesq

from audiotok_jax import AudioTokenizer, audio
from audiotok_jax.evaluate import clips
from audiotok_jax.train.config import Recipe

RATE = 16000
SAMPLES = 2 * RATE
SKIPPED = RATE // 2


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("speech", help="folder or table of speech; its folders are the sets")
    parser.add_argument("--model", action="append", required=True, help="names or folders, two")
    parser.add_argument("--limit", type=int, default=9, help="clips of each set")
    args = parser.parse_args()
    found, _ = clips.find([args.speech], limit=args.limit)
    read = [audio.read(clip.path, RATE)[0][SKIPPED : SKIPPED + SAMPLES] for clip in found]
    waves = np.stack([wave for wave in read if len(wave) == SAMPLES])
    by_model = []
    for name in args.model:
        tokenizer = AudioTokenizer.from_pretrained(name)
        by_model.append(np.stack(tokenizer.decode_batch(tokenizer.encode_batch(waves, RATE))))
    pairs = [
        (wave, heard) for decoded in by_model for wave, heard in zip(waves, decoded, strict=True)
    ]
    quality = np.array([pesq(RATE, wave, heard, "wb") for wave, heard in pairs])
    print(f"{len(waves)} clips, PESQ-WB {quality.reshape(len(by_model), -1).mean(axis=1).round(2)}")
    for distance in Recipe().active_losses:
        measure = jax.jit(lambda ours, theirs, distance=distance: distance(ours, theirs, RATE))
        loss = np.array([measure(heard[None], wave[None])[0] for wave, heard in pairs])
        line = f"{distance.name:16s} {scipy.stats.pearsonr(loss, quality).statistic:+.2f}"
        if len(by_model) == 2:
            changes = [np.subtract(*values.reshape(2, -1)) for values in (loss, quality)]
            line += f"  of the differences {scipy.stats.pearsonr(*changes).statistic:+.2f}"
        print(line)


if __name__ == "__main__":
    main()
