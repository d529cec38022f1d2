"""One clip of the page: its files and its data."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio, interchange, picture, tokenfile
from audiotok_jax.evaluate import metrics
from audiotok_jax.evaluate.align import align
from audiotok_jax.evaluate.codecs import Codec
from audiotok_jax.evaluate.codecs.interface import at_rate
from audiotok_jax.page import loudness, spectrogram
from audiotok_jax.page.anchor import anchor
from audiotok_jax.tokenizer import AudioTokenizer

PCM_BITS = 16
"""Bits per sample of the original in the compression ratio."""

LONGEST_MEASURED = 60.0
"""Longest clip that is measured, in seconds: metrics are slow for longer ones."""

_LINE = 80  # characters, the default of torch.set_printoptions


class Model(NamedTuple):
    """A column of the page: its name and its tokenizer."""

    name: str
    tokenizer: AudioTokenizer


@dataclass(frozen=True)
class Reconstruction:
    """The result of one column for a clip.

    Attributes:
        stem: of its files: .flac, .flac.js (see `_script`) and .png; of a model also .atok and
            .tokens.js.
        num_tokens: number of tokens; None for other codecs.
        bitrate: in bits per second, over the length of the clip.
        compression: size of the original as samples of `PCM_BITS` over the coded bits.
        values: of the metrics, by name; empty if the clip is too long to be measured.
    """

    stem: str
    num_tokens: int | None
    bitrate: float
    compression: float
    values: metrics.Values


@dataclass(frozen=True)
class PageClip:
    """A clip of the page.

    Attributes:
        name: title on the page.
        stem: of the files of the original, as in `Reconstruction`.
        anchor: name of the script with its anchor.
        seconds: length of the clip.
        sample_rate: of the original, in Hz.
        reconstructions: one for each column.
        levels: of the original, the reconstructions and the anchor.
    """

    name: str
    stem: str
    anchor: str
    seconds: float
    sample_rate: int
    reconstructions: list[Reconstruction]
    levels: list[loudness.Level]


class ClipMaker:
    """Encodes and decodes clips for all columns, one clip in memory at a time, and writes files.

    Speech is written as mono FLAC with 16 bits, the original at its own rate: every browser plays
    it, its header has the length, and it is half as large as WAV.
    """

    def __init__(
        self,
        folder: Path,
        models: Sequence[Model],
        codecs: Sequence[Codec],
        measured: Sequence[metrics.Metric],
        reading: audio.Reading = audio.PLAIN,
    ) -> None:
        """Checks the models.

        Args:
            folder: for the files.
            models: the first columns, at least one.
            codecs: the other columns; their input is at the sample rate of the models.
            measured: the metrics of the page.
            reading: how sources are read.

        Raises:
            ValueError: two models are the same, or differ in their sample rate.
        """
        self._folder = folder
        self._models = models
        self._codecs = codecs
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

    def make(self, source: Path, name: str) -> PageClip:
        """Encodes and decodes one clip for all columns; if that fails, none of its files remains.

        Args:
            source: audio file; "-" is standard input.
            name: title on the page.

        Raises:
            ValueError: the source cannot be read, or a codec does not support it.
            OSError: it cannot be read or written.
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

    def _make(self, source: Path, name: str, stem: str) -> PageClip:
        whole, rate = audio.read(source, **self._reading._asdict())
        wave = at_rate(whole, rate, self._rate)
        low, original = f"{stem}.anchor.flac", f"{stem}.original"
        clip = PageClip(name, original, f"{low}.js", len(whole) / rate, rate, [], [])
        loudest = float(picture.spectrogram(wave, self._rate).max())
        self._show(original, wave, loudest)
        self._sound(f"{original}.flac", whole, rate, clip)
        reference = metrics.Original(at_rate(wave, self._rate, metrics.RATE))
        columns: list[Model | Codec] = [*self._models, *self._codecs]
        for number, column in enumerate(columns, 1):
            base = f"{stem}.{file_name(number, column.name)}"
            num_tokens = None
            if isinstance(column, Model):
                decoded, bits, num_tokens = self._tokens(base, column.tokenizer, wave)
            else:
                decoded, bits = self._coded(column, wave, name)
            values: metrics.Values = {}
            if clip.seconds <= LONGEST_MEASURED:
                resampled = at_rate(decoded, self._rate, metrics.RATE)
                values = metrics.measure(reference, resampled, self._metrics)
            compression = PCM_BITS * rate * clip.seconds / bits
            clip.reconstructions.append(
                Reconstruction(base, num_tokens, bits / clip.seconds, compression, values)
            )
            self._show(base, decoded, loudest)
            self._sound(f"{base}.flac", decoded, self._rate, clip)
        self._sound(low, anchor(wave, self._rate), self._rate, clip)
        (self._folder / low).unlink()  # listening tests play it from the script
        return clip

    def _tokens(
        self, base: str, tokenizer: AudioTokenizer, wave: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], int, int]:
        """Writes the tokens; returns the decoded speech and the numbers of bits and tokens."""
        tokens = tokenizer.encode(wave, self._rate)
        _script(self._folder / f"{base}.tokens.js", printed(tokens))
        found = interchange.of_model(tokens, len(wave), tokenizer)
        tokenfile.write(self._folder / f"{base}.atok", found)
        decoded = tokenizer.decode(tokens, len(wave))
        return decoded, len(tokens) * tokenizer.bits, len(tokens)

    def _coded(
        self, codec: Codec, wave: NDArray[np.float32], name: str
    ) -> tuple[NDArray[np.float32], int]:
        """Returns the speech of another codec, aligned with the original, and its bits."""
        try:
            data = codec.encode(wave, self._rate)
            decoded = at_rate(codec.decode(data), codec.sample_rate, self._rate)
            return align(wave, decoded, self._rate).decoded, codec.payload_bits(data)
        except Exception as error:  # of any library; other clips continue
            reason = str(error) or type(error).__name__
            raise ValueError(f"{name}: {codec.name}: {reason}") from error

    def _show(self, base: str, wave: NDArray[np.float32], loudest: float) -> None:
        levels = picture.spectrogram(wave, self._rate)
        spectrogram.draw(self._folder / f"{base}.png", levels, loudest)

    def _sound(self, name: str, wave: NDArray[np.float32], rate: int, clip: PageClip) -> None:
        """Writes a sound as FLAC and as a script with the FLAC, and measures its level."""
        path = self._folder / name
        audio.write(path, wave, rate)
        _script(self._folder / f"{name}.js", base64.b64encode(path.read_bytes()).decode())
        clip.levels.append(loudness.level(wave.clip(-1, 1), rate))


def _script(path: Path, value: str) -> None:
    """Writes a script that passes a text to the page that loads it.

    A page opened from the disk may not read other files, not even the samples of an audio file
    that it plays.
    """
    path.write_text(f"document.currentScript.value = {json.dumps(value)};\n")


def printed(tokens: NDArray[np.uint16]) -> str:
    """The output of `print(tensor)` for tokens as an int64 tensor (1, T), without elision.

    Args:
        tokens: integers (T,), T >= 1, none below 0.
    """
    width = len(str(tokens.max()))
    cells = [f"{token:{width}}" for token in tokens.tolist()]
    opening = "tensor([["
    count = (_LINE - len(opening) + 1) // (width + len(", "))
    lines = [", ".join(cells[i : i + count]) for i in range(0, len(cells), count)]
    return opening + (",\n" + " " * len(opening)).join(lines) + "]])"


def file_name(number: int, name: str) -> str:
    """A descriptive file name that is valid on any file system and in URLs.

    Returns:
        The number and the runs of ASCII letters, digits and _ in `name`, joined by -.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join([f"{number:02}", *re.findall(r"\w+", plain)])[:60].rstrip("-")
