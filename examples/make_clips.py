"""Makes the clips of this folder, and README.md, with the speech synthesiser espeak-ng.

Needs espeak-ng (Debian package `espeak-ng`).  From the root of the repository:

    python examples/make_clips.py
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from audiotok_jax import audio

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Clip:
    """One clip: `voice` as espeak-ng names it, `speed` in words a minute, `sample_rate` in Hz."""

    name: str
    voice: str
    speed: int
    text: str
    sample_rate: int = 16_000

    @property
    def command(self) -> list[str]:
        """What speaks the text; a WAV file is written to the path appended."""
        return ["espeak-ng", "-v", self.voice, "-s", str(self.speed), self.text, "-w"]


CLIPS = (
    Clip(
        name="en_gb_male",
        voice="en-gb+m3",
        speed=150,
        text="The ferry leaves at seven, so pack the lanterns and leave the heavy boots at home.",
    ),
    Clip(
        name="en_us_female",
        voice="en-us+f3",
        speed=165,
        text="Yesterday the whole orchard smelled of apples, smoke and freshly cut grass.",
    ),
    Clip(
        name="en_scots_male_fast",
        voice="en-gb-scotland+m7",
        speed=205,
        text="Quick, shut the gate before the goats find out that the kitchen garden has no fence!",
    ),
    Clip(
        name="en_rp_female_22k",
        voice="en-gb-x-rp+f2",
        speed=155,
        text="Would you mind turning the page for me while I hold the candle?",
        sample_rate=22_050,
    ),
    # The plain voice "cmn" would read Chinese syllables with English sounds.
    Clip(
        name="cmn_male",
        voice="cmn-latn-pinyin+m1",
        speed=180,
        text="早上下了小雨，我们撑伞去河边看新开的桃花。",
    ),
    Clip(
        name="cmn_female",
        voice="cmn-latn-pinyin+f4",
        speed=180,
        text="请把窗户打开一点，今天的风很轻，屋里不冷。",
    ),
)

README = """\
# Example clips

Short clips to try the tokenizer on: mono FLAC of 16 bits, at the sample rate given.  The texts
were written for this project and spoken by [espeak-ng](https://github.com/espeak-ng/espeak-ng)
{version}; no recording of a person is among them.  `python examples/make_clips.py` makes the
clips and this page anew: it runs each command, which writes WAV at 22050 Hz, then resamples the
result to 16000 Hz except for the clip that is there to exercise resampling.

| clip | seconds | Hz | voice | text | command |
|------|--------:|---:|-------|------|---------|
{rows}
"""


def main() -> None:
    """Writes all clips and README.md into the folder of this script."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for clip in CLIPS:
            raw = Path(folder, f"{clip.name}.wav")
            subprocess.run([*clip.command, raw], check=True)
            wave, rate = audio.read(raw, clip.sample_rate)
            audio.write(FOLDER / f"{clip.name}.flac", wave, rate)
            command = shlex.join([*clip.command, f"{clip.name}.wav"])
            link = f"[{clip.name}]({clip.name}.flac)"
            cells = (link, f"{len(wave) / rate:.1f}", str(rate), clip.voice, clip.text)
            rows.append(f"| {' | '.join(cells)} | `{command}` |")
    told = subprocess.run(["espeak-ng", "--version"], check=True, capture_output=True, text=True)
    version = told.stdout.split()[3]
    text = README.format(version=version, rows="\n".join(rows))
    (FOLDER / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
