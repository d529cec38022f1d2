"""Speech in conditions other than clean read speech, as folders of WAV files.

    python experiments/robustness/conditions.py ../shared/speech/eval ../shared/speech/noise OUT

Some clips of each set, once in each condition; the same command gives the same files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import librosa
import numpy as np
import scipy.signal
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.data import augment
from audiotok_jax.evaluate import clips

RATE = 16000
PER_SET = 3
SECONDS = 8
MUSIC_SECONDS = 8

Wave = NDArray[np.float32]


def level(wave: Wave, db: float) -> Wave:
    """To a root mean square of `db` dB below full scale."""
    return wave * np.float32(10 ** (db / 20) / (np.sqrt(np.mean(wave**2)) + 1e-9))


def full_scale(wave: Wave) -> Wave:
    """To peaks at the largest 16-bit sample."""
    return wave * np.float32(32767 / 32768 / np.abs(wave).max())


def whispered(wave: Wave, random: np.random.Generator) -> Wave:
    """White noise through the vocal tract's filter: 18 linear prediction coefficients every 10 ms.

    Speech whose voiced source is replaced by breath; real whispering also has other formants and
    another tempo.
    """
    length, hop = 480, 160
    window = scipy.signal.get_window("hann", length).astype(np.float32)
    padded = np.pad(wave, (length, length))
    out = np.zeros_like(padded)
    for start in range(0, len(padded) - length, hop):
        frame = padded[start : start + length] * window
        if np.sum(frame**2) < 1e-7:
            continue
        poles = librosa.lpc(frame + 1e-6 * random.standard_normal(length), order=18)
        breath = random.standard_normal(length).astype(np.float32)
        made = scipy.signal.lfilter([1.0], poles, breath) * window
        made *= np.sqrt(np.sum(frame**2) / np.sum(made**2))
        out[start : start + length] += made.astype(np.float32)
    return level(out[length:-length], 20 * np.log10(np.sqrt(np.mean(wave**2)) + 1e-9))


def main() -> None:
    """Reads the arguments and writes the folders."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("speech", help="folder or table of clean speech")
    parser.add_argument(
        "noise", type=Path, help="folder of noise, with blanket and librosa-data-music below it"
    )
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    random = np.random.default_rng(0)
    noises = [
        wave
        for path in sorted((args.noise / "blanket").iterdir())
        if len(wave := audio.read(path, RATE)[0]) > SECONDS * RATE
    ]
    found, _ = clips.find([args.speech], limit=PER_SET)
    for number, clip in enumerate(found):
        wave = audio.read(clip.path, RATE)[0][: SECONDS * RATE]
        noise = noises[number % len(noises)][: len(wave)]
        telephone = augment.limit_band(wave, *augment.TELEPHONE_HZ, RATE)
        made = {
            "clean": wave,
            "full-scale": full_scale(wave),
            "quiet-40-dbfs": level(wave, -40),
            "noise-20-db": augment.add_noise(wave, noise, 20),
            "noise-10-db": augment.add_noise(wave, noise, 10),
            "noise-5-db": augment.add_noise(wave, noise, 5),
            "telephone-8-khz": telephone,
            "whispered": whispered(wave, random),
        }
        for condition, changed in made.items():
            # Noise may push peaks over full scale, where a file would clip them.
            changed = changed / max(1.0, float(np.abs(changed).max()))
            _write(args.out / condition / f"{number:02d}.wav", changed)
    for path in sorted((args.noise / "librosa-data-music").iterdir()):
        _write(
            args.out / "music" / f"{path.stem}.wav",
            audio.read(path, RATE)[0][: MUSIC_SECONDS * RATE],
        )


def _write(path: Path, wave: Wave) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, wave.astype(np.float32), RATE)


if __name__ == "__main__":
    main()
