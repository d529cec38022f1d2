"""Classical codecs, through their command-line programs: Opus, Codec2, Speex and MP3.

Each reads and writes raw little-endian 16-bit PCM, so a codec is a pair of command lines. Settings
are those that gave the best quality of speech at the requested rate; everything else is default.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.evaluate.codecs import mp3, ogg
from audiotok_jax.evaluate.codecs.interface import from_pcm, to_pcm

_RAW = "speech.raw"

# By bit rate: name of the mode, samples at 8 kHz and bits per frame (codec2.h).
_CODEC2 = {
    "3200": ("3200", 160, 64),
    "2400": ("2400", 160, 48),
    "1600": ("1600", 320, 64),
    "1400": ("1400", 320, 56),
    "1300": ("1300", 320, 52),
    "1200": ("1200", 320, 48),
    "700": ("700C", 320, 28),
    "450": ("450", 320, 18),
}
_CODEC2_HEADER = 7  # bytes: magic C0 DE C2, two of version, mode, flags

# By kbit/s of the packets, which are whole bytes and 20 ms long: sample rate and quality. From 10
# kbit/s on, wideband has the better PESQ-WB; below, narrowband has the better STOI.
_SPEEX = {
    **{"2.4": (8000, 0), "4": (8000, 1), "6": (8000, 2), "8": (8000, 3)},
    **{"10": (16000, 3), "12.8": (16000, 4), "16.8": (16000, 5), "20.8": (16000, 6)},
    **{"24": (16000, 7), "28": (16000, 8), "34.4": (16000, 9), "42.4": (16000, 10)},
}

_Row = TypeVar("_Row")

_OPUS = (6, 256)  # kbit/s that opusenc takes for one channel


@dataclass(frozen=True)
class Program:
    """A codec that is a pair of programs; see `Codec`.

    Attributes:
        name: the spec.
        sample_rate: of the PCM that the programs read and write, in Hz.
        frame: samples; speech is padded with silence to a multiple of it, because the encoder
            drops incomplete frames.
        coded: name of the coded file.
        encoder: command that reads `speech.raw` and writes `coded`.
        decoder: command that reads `coded` and writes `speech.raw`.
        asks_version: command that prints the version of the encoder on its first line.
        count: counts the payload bits of the coded file.
    """

    name: str
    sample_rate: int
    frame: int
    coded: str
    encoder: tuple[str, ...]
    decoder: tuple[str, ...]
    asks_version: tuple[str, ...] | None
    count: Callable[[bytes], int]

    @cached_property
    def version(self) -> str:
        """Version of the encoder, or else its name."""
        if self.asks_version is None:
            return self.encoder[0]
        first = _run(self.asks_version).stdout.decode(errors="replace").splitlines()[0]
        return first.partition(" Copyright")[0].strip()

    def encode(self, wave: NDArray[np.float32], rate: int) -> bytes:
        """See `Codec`."""
        pcm = to_pcm(wave, rate, self.sample_rate)
        pcm = np.pad(pcm, (0, -len(pcm) % self.frame))
        return _convert(self.encoder, pcm.tobytes(), _RAW, self.coded)

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """See `Codec`."""
        return from_pcm(_convert(self.decoder, data, self.coded, _RAW))

    def payload_bits(self, data: bytes) -> int:
        """See `Codec`."""
        return self.count(data)


def opus(name: str, argument: str) -> Program:
    """Opus at a mean rate in kbit/s, with variable rate (the default), 40 ms packets, for speech.

    At 6, 9 and 12 kbit/s, packets of 40 ms gave a higher PESQ-WB at fewer bits than the default of
    20 ms, and variable rates a higher one than constant rates.
    """
    try:
        rate = float(argument)
    except ValueError:
        rate = math.nan
    if not _OPUS[0] <= rate <= _OPUS[1]:
        raise ValueError(f"{name}: Opus takes {_OPUS[0]} to {_OPUS[1]} kbit/s, such as opus:12")
    _require(name, "opus-tools", "opusenc", "opusdec")
    raw = ("--raw", "--raw-rate", "16000", "--raw-chan", "1", "--raw-bits", "16")
    settings = ("--bitrate", f"{rate:g}", "--framesize", "40", "--speech", "--padding", "0")
    return Program(
        name=name,
        sample_rate=16000,
        frame=1,
        coded="speech.opus",
        # By default, the serial number of the Ogg stream and the dither are random.
        encoder=("opusenc", "--quiet", *raw, *settings, "--serial", "1", _RAW, "speech.opus"),
        decoder=("opusdec", "--quiet", "--rate", "16000", "--no-dither", "speech.opus", _RAW),
        asks_version=("opusenc", "--version"),
        count=_packet_bits,
    )


def codec2(name: str, argument: str) -> Program:
    """Codec2 (8 kHz) in one of its modes."""
    mode, frame, bits = _choose(name, argument, _CODEC2, "bit/s")
    _require(name, "codec2", "c2enc", "c2dec")
    return Program(
        name=name,
        sample_rate=8000,
        frame=frame,
        coded="speech.c2",
        encoder=("c2enc", mode, _RAW, "speech.c2"),
        decoder=("c2dec", mode, "speech.c2", _RAW),
        asks_version=None,
        count=partial(_codec2_bits, bits),
    )


def speex(name: str, argument: str) -> Program:
    """Speex at a constant rate, at the highest effort: narrowband (8 kHz) up to 8 kbit/s."""
    rate, quality = _choose(name, argument, _SPEEX, "kbit/s")
    _require(name, "speex", "speexenc", "speexdec")
    band = "--narrowband" if rate == 8000 else "--wideband"
    settings = ("--rate", str(rate), "--quality", str(quality), "--comp", "10")
    return Program(
        name=name,
        sample_rate=rate,
        frame=1,
        coded="speech.spx",
        encoder=("speexenc", band, *settings, _RAW, "speech.spx"),
        decoder=("speexdec", "speech.spx", _RAW),
        asks_version=("speexenc", "--version"),
        count=_packet_bits,
    )


def mp3lame(name: str, argument: str) -> Program:
    """MP3 by LAME at 16 kHz and a constant rate in kbit/s."""
    (rate,) = _choose(name, argument, {str(kbps): (kbps,) for kbps in mp3.KBPS}, "kbit/s")
    _require(name, "ffmpeg", "ffmpeg")
    quiet = ("ffmpeg", "-v", "error", "-nostdin")
    pcm = ("-f", "s16le", "-ar", "16000", "-ac", "1")
    exact = ("-fflags", "+bitexact", "-flags:a", "+bitexact")  # no version of ffmpeg in the file
    settings = ("-c:a", "libmp3lame", "-b:a", f"{rate}k", "-id3v2_version", "0", *exact)
    return Program(
        name=name,
        sample_rate=16000,
        frame=1,
        coded="speech.mp3",
        encoder=(*quiet, *pcm, "-i", _RAW, *settings, "speech.mp3"),
        decoder=(*quiet, "-i", "speech.mp3", *pcm, _RAW),
        asks_version=("ffmpeg", "-version"),
        count=mp3.payload_bits,
    )


def _choose(name: str, argument: str, table: dict[str, _Row], unit: str) -> _Row:
    if argument not in table:
        family = name.partition(":")[0]
        raise ValueError(f"{name}: {family} has {', '.join(table)} {unit}")
    return table[argument]


def _require(name: str, package: str, *programs: str) -> None:
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise ValueError(
            f"{name}: needs {' and '.join(missing)}; install the Debian package {package}"
        )


def _convert(command: tuple[str, ...], data: bytes, source: str, target: str) -> bytes:
    """Runs `command` in a folder of its own that holds `data` as `source`; returns `target`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, source).write_bytes(data)
        _run(command, folder)
        written = Path(folder, target)
        if not (written.is_file() and written.stat().st_size):  # some fail, but exit with 0
            raise OSError(f"{command[0]} wrote nothing")
        return written.read_bytes()


def _run(command: tuple[str, ...], folder: str | None = None) -> subprocess.CompletedProcess[bytes]:
    """Runs `command`; OSError with the last line of its output if it fails."""
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True
    )
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        reason = said[-1].strip() if said else f"exit status {done.returncode}"
        raise OSError(f"{command[0]} failed: {reason}")
    return done


def _packet_bits(data: bytes) -> int:
    """Bits of the packets of an Ogg file after the header and the comments."""
    return 8 * sum(map(len, ogg.packets(data)[2:]))


def _codec2_bits(bits: int, data: bytes) -> int:
    """Bits of the frames of a .c2 file, without the padding of each to whole bytes."""
    frames, rest = divmod(len(data) - _CODEC2_HEADER, -(-bits // 8))
    if not data.startswith(b"\xc0\xde\xc2") or frames < 0 or rest:
        raise ValueError("not a whole .c2 file")
    return frames * bits
