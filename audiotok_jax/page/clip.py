"""One clip of the page: its files and what the page says about it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio, interchange, picture, tokenfile
from audiotok_jax.evaluate import metrics
from audiotok_jax.page import spectrogram
from audiotok_jax.page.tensor import printed
from audiotok_jax.tokenizer import AudioTokenizer

PCM_BITS = 16
"""Per sample of the original that the tokens are compared with."""

LONGEST_MEASURED = 60.0
"""In seconds: the metrics are made for sentences, and take long on more."""


class Model(NamedTuple):
    """A column of the page: the name that it gets, and what does the work."""

    name: str
    tokenizer: AudioTokenizer


@dataclass(frozen=True)
class Reconstruction:
    """What one model makes of a clip.

    Attributes:
        audio, picture, tokens, token_file: names of its files: the decoded speech, the
            spectrogram of it, a script that holds the printed tokens, the tokens as .atok.
        num_tokens: of the clip.
        bitrate: of the tokens over the length of the clip, in bits per second.
        compression: size of the original as samples of `PCM_BITS` over the size of the tokens.
        values: of the metrics, by name; none where the clip is too long to be measured.
    """

    audio: str
    picture: str
    tokens: str
    token_file: str
    num_tokens: int
    bitrate: float
    compression: float
    values: metrics.Values


@dataclass(frozen=True)
class Clip:
    """A clip of the page.

    Attributes:
        name: as the page shows it.
        audio, picture: names of the files of the original.
        seconds: its length.
        sample_rate: of the original, in Hz.
        reconstructions: one for each model.
    """

    name: str
    audio: str
    picture: str
    seconds: float
    sample_rate: int
    reconstructions: list[Reconstruction]


class ClipMaker:
    """Takes clips through the models, each in memory at its turn, and writes their files.

    Speech is written as mono FLAC of 16 bits, the original at its own rate: every browser plays
    it, its header tells the length, and it is half as large as WAV.
    """

    def __init__(
        self,
        folder: Path,
        models: Sequence[Model],
        measured: Sequence[metrics.Metric],
        reading: audio.Reading = audio.PLAIN,
    ) -> None:
        """Checks the models.

        Args:
            folder: that the files are written to.
            models: at least one.
            measured: the metrics of the page.
            reading: how sources are read.

        Raises:
            ValueError: two models are the same, or differ in their sample rate.
        """
        self._folder = folder
        self._models = models
        self._metrics = measured
        self._reading = reading
        self._rate = models[0].tokenizer.sample_rate
        self._made = 0
        seen: dict[str, str] = {}
        for name, tokenizer in models:
            if tokenizer.model_id in seen:
                raise ValueError(f"{seen[tokenizer.model_id]} and {name} are the same model")
            seen[tokenizer.model_id] = name
            if tokenizer.sample_rate != self._rate:
                raise ValueError(
                    f"{models[0].name} works at {self._rate} Hz and {name} at "
                    f"{tokenizer.sample_rate} Hz: no page can show both"
                )

    def make(self, source: Path, name: str) -> Clip:
        """Takes one clip through all models; if that fails, no file of it remains.

        Args:
            source: audio file; "-" is standard input.
            name: as the page shows it.

        Raises:
            AudioError: the source cannot be read.
            OSError: the disk does not give or take it.
        """
        stem = file_name(self._made + 1, Path(name).stem)
        try:
            clip = self._make(source, name, stem)
        except BaseException:
            for path in self._folder.glob(f"{stem}.*"):
                path.unlink()
            raise
        self._made += 1
        return clip

    def _make(self, source: Path, name: str, stem: str) -> Clip:
        original, original_picture = f"{stem}.original.flac", f"{stem}.original.png"
        rate, blocks = audio.stream(source, **self._reading._asdict())
        samples = 0

        def kept(writer: audio.Writer) -> Iterator[NDArray[np.float32]]:
            nonlocal samples
            for block in blocks:
                samples += len(block)
                writer.write(block)
                yield block

        with audio.Writer(self._folder / original, rate) as writer:
            wave = np.concatenate(list(audio.resample_stream(kept(writer), rate, self._rate)))
        levels = picture.spectrogram(wave, self._rate)
        loudest = float(levels.max())
        spectrogram.draw(self._folder / original_picture, levels, loudest)
        clip = Clip(name, original, original_picture, samples / rate, rate, [])
        reference = metrics.Original(self._resampled(wave, metrics.RATE))
        for number, model in enumerate(self._models, 1):
            base = f"{stem}.{file_name(number, model.name)}"
            clip.reconstructions.append(
                self._reconstruct(base, model.tokenizer, wave, loudest, clip, reference)
            )
        return clip

    def _reconstruct(
        self,
        base: str,
        tokenizer: AudioTokenizer,
        wave: NDArray[np.float32],
        loudest: float,
        clip: Clip,
        reference: metrics.Original,
    ) -> Reconstruction:
        tokens = tokenizer.encode(wave, self._rate)
        decoded = tokenizer.decode(tokens, len(wave))
        bits = len(tokens) * tokenizer.bits
        made = Reconstruction(
            audio=f"{base}.flac",
            picture=f"{base}.png",
            tokens=f"{base}.js",
            token_file=f"{base}.atok",
            num_tokens=len(tokens),
            bitrate=bits / clip.seconds,
            compression=PCM_BITS * clip.sample_rate * clip.seconds / bits,
            values=(
                metrics.measure(reference, self._resampled(decoded, metrics.RATE), self._metrics)
                if clip.seconds <= LONGEST_MEASURED
                else {}
            ),
        )
        audio.write(self._folder / made.audio, decoded, self._rate)
        levels = picture.spectrogram(decoded, self._rate)
        spectrogram.draw(self._folder / made.picture, levels, loudest)
        # A script, as a page on the file system may load nothing else when it is asked to.
        script = f"document.currentScript.tokens = {json.dumps(printed(tokens))};\n"
        (self._folder / made.tokens).write_text(script)
        found = interchange.of_model(tokens, len(wave), tokenizer)
        tokenfile.write(self._folder / made.token_file, found)
        return made

    def _resampled(self, wave: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        return np.concatenate(list(audio.resample_stream([wave], self._rate, rate)))


def file_name(number: int, name: str) -> str:
    """A name for a file, safe in any file system and URL, that tells what it is for.

    Returns:
        The number and, joined by -, the runs of ASCII letters, digits and _ in `name`.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join([f"{number:02}", *re.findall(r"\w+", plain)])[:60].rstrip("-")
