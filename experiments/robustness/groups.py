"""Quality of the default model on low and high voices, and on quiet and loud recordings.

    python experiments/robustness/groups.py ../shared/speech/eval \
        experiments/bitrates/results/clips.csv OUT.md

Groups the rows of an evaluation by pitch and level of the originals. The sex of speakers is not in
the tables of the clips; the median pitch of a clip stands for it.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio, files
from audiotok_jax.evaluate import clips, report
from audiotok_jax.evaluate.metrics import METRICS, RATE

_NAMES = ("pesq_wb", "stoi", "dnsmos_ovrl", "voice_similarity", "speaker_similarity", "wer", "per")
SHOWN = [m for m in METRICS if m.name in _NAMES]
CODECS = ("audiotok", "codec2:3200", "speex:4")

Wave = NDArray[np.float32]


def pitch(wave: Wave) -> float:
    """Median fundamental frequency in Hz."""
    found, _, _ = librosa.pyin(wave, fmin=62.5, fmax=500, sr=RATE, frame_length=1024)
    return float(np.nanmedian(found))


def level(wave: Wave) -> float:
    """Root mean square in dB below full scale."""
    return float(10 * np.log10(np.mean(np.square(wave, dtype=float)) + 1e-12))


GROUPS: tuple[tuple[str, Callable[[Wave], float], float, float], ...] = (
    ("median pitch below 165 Hz (most men)", pitch, -np.inf, 165),
    ("median pitch of 165 to 250 Hz (most women)", pitch, 165, 250),
    ("median pitch above 250 Hz (most children)", pitch, 250, np.inf),
    ("quieter than -30 dBFS", level, -np.inf, -30),
    ("-30 to -22 dBFS", level, -30, -22),
    ("louder than -22 dBFS", level, -22, np.inf),
)


def main() -> None:
    """Reads the arguments, sorts, writes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("speech", help="folder or table that was evaluated")
    parser.add_argument("clips", type=Path, help="clips.csv of the evaluation")
    parser.add_argument("out", type=Path, help="Markdown file to write")
    args = parser.parse_args()
    waves = {c.name: audio.read(c.path, RATE)[0] for c in clips.find([args.speech])[0]}
    known: dict[Callable[[Wave], float], dict[str, float]] = {
        measured: {name: measured(wave) for name, wave in waves.items()}
        for measured in (pitch, level)
    }
    with open(args.clips, newline="", encoding="utf-8") as file:
        rows = [_parsed(row) for row in csv.DictReader(file) if row["codec"] in CODECS]
    text = []
    for title, measured, low, high in GROUPS:
        own = [row for row in rows if low <= known[measured][row["clip"]] < high]
        if own:
            table = report.table(report.summarize(own, SHOWN), SHOWN, intervals=True)
            text.append(report.markdown(title, table))
    files.write(args.out, "\n".join(text))


def _parsed(row: dict[str, str]) -> dict[str, Any]:
    words = ("set", "clip", "language", "speaker", "codec")
    return {k: v if k in words else float(v) if v else None for k, v in row.items()}


if __name__ == "__main__":
    main()
