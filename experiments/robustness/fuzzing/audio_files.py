"""Audio in each format that is read."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.data import audio_files
from fuzzing import mutations
from fuzzing.sounds import speech
from fuzzing.target import Mutation, Target, expect

FOLDER = "audio"
RATE = 16000
SAMPLES = 4800

WIDTHS = {
    "PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4,
    "FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1,
}  # fmt: skip
"""Bytes of an uncompressed sample."""

HEAD = 24
"""Bytes of the header that describes the samples, in formats with checksums."""

PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<?xml", b"RTSPtext", b"v=0")
"""Starts of texts that make some programs read other files."""


class Kind(NamedTuple):
    """What a reader can detect in a format.

    Attributes:
        checked: damage anywhere, by checksums.
        counted: returns the part of an undamaged file that holds its length; None if there is none.
        marked: whether the end of a file is marked, so that missing or additional bytes show.
        slack: samples by which the stored length may be wrong.
    """

    checked: bool = False
    counted: Callable[[bytes], bytes] | None = None
    marked: bool = True
    slack: int = 0


PLAIN = Kind(counted=lambda data: data[:128])
CHECKED = Kind(checked=True)
OPEN = Kind(marked=False)
# Opus in WebM has no checksums and a length in milliseconds: two frames may be lost unnoticed.
WEBM = Kind(counted=lambda data: data[:600], slack=2 * 960)
# The same holds for WMA.
WMA = Kind(counted=lambda data: data[:600], slack=2 * 512)
# Some writers count one frame less; then the silence at both ends is not removed, either.
MPEG = Kind(counted=lambda data: data[:500], slack=4 * 576)


class Format(NamedTuple):
    """A format: its name, how it is written, and what a reader can detect."""

    name: str
    share: int
    kind: Kind
    how: tuple[str, ...]


FORMATS = (
    Format("wav", 250, PLAIN, ("WAV", "PCM_16")),
    Format("wav, float", 100, PLAIN, ("WAV", "FLOAT")),
    Format("wav, ADPCM", 100, PLAIN, ("WAV", "MS_ADPCM")),
    Format("wav, extensible", 100, PLAIN, ("WAVEX", "PCM_24")),
    Format("flac", 250, CHECKED, ("FLAC", "PCM_16")),
    Format("aiff", 150, PLAIN, ("AIFF", "PCM_16")),
    Format("au", 150, PLAIN, ("AU", "PCM_16")),
    Format("caf", 150, PLAIN, ("CAF", "PCM_16")),
    Format("w64", 150, PLAIN, ("W64", "PCM_16")),
    Format("rf64", 150, PLAIN, ("RF64", "PCM_16")),
    Format("sph", 150, Kind(counted=lambda data: data[:1024]), ("NIST", "PCM_16")),
    Format("ogg", 250, CHECKED, ("OGG", "VORBIS")),
    Format("opus", 250, CHECKED, ("OGG", "OPUS")),
    Format("mp3", 250, MPEG, ("MP3", "MPEG_LAYER_III")),
)
"""Formats that libsndfile writes; `how` is its format and subtype."""

PROGRAMS = (
    Format("mp3 without length", 100, OPEN, ("mp3", "-c:a", "libmp3lame", "-write_xing", "0")),
    Format("m4a", 90, Kind(counted=lambda data: data[data.index(b"moov") :]), ("ipod",)),
    Format("aac", 60, OPEN, ("adts",)),
    Format("wma", 60, WMA, ("asf", "-c:a", "wmav2")),
    Format("webm", 60, WEBM, ("webm", "-c:a", "libopus")),
    Format("mka", 60, Kind(counted=lambda data: data[:600]), ("matroska", "-c:a", "flac")),
)
"""Formats that ffmpeg writes; `how` is its format and options."""


def make(folder: Path) -> None:
    """Writes two files of each format."""
    place = folder / FOLDER
    place.mkdir()
    for number in (0, 1):
        wave = speech(SAMPLES, number)
        for one in FORMATS:
            form, subtype = one.how
            soundfile.write(_path(folder, one, number), wave, RATE, subtype, format=form)
        if shutil.which("ffmpeg"):
            wav = _path(folder, FORMATS[0], number)
            command = ["ffmpeg", "-v", "error", "-i", str(wav)]
            for one in PROGRAMS:
                form, *options = one.how
                command += [*options, "-f", form, str(_path(folder, one, number))]
            subprocess.run(command, check=True)


def targets(folder: Path) -> list[Target]:
    """The targets among them."""
    found = []
    for one in (*FORMATS, *PROGRAMS):
        path, other = _path(folder, one, 0), _path(folder, one, 1)
        if path.exists():
            how = (*mutations.BYTES, mutations.joined(other.read_bytes()), _playlist(other))
            check = _sound(path, one.kind, other)
            found.append(Target(f"audio, {one.name}", one.share, path, how, check, path))
    return found


def _path(folder: Path, form: Format, number: int) -> Path:
    name, *more = re.split("[^a-z0-9]+", form.name, flags=re.I)
    return folder / FOLDER / f"{'_'.join(more)}{number}.{name}"


def _playlist(other: Path) -> Mutation:
    """A mutation to a playlist that names another file."""

    def playlist(data: bytes, random: Random) -> bytes:
        text = random.choice(
            (
                f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
                f"#EXTM3U\n#EXTINF:1,\nfile:{other}\n",
                f"ffconcat version 1.0\nfile {other}\n",
                f"[playlist]\nFile1={other}\nNumberOfEntries=1\n",
                f"v=0\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\na=url:{other}\n",
                f'<?xml version="1.0"?><MPD><Period><BaseURL>{other}</BaseURL></Period></MPD>',
            )
        )
        return text.encode()

    return playlist


def _read(path: Path) -> tuple[int, NDArray[np.float32]]:
    rate, blocks = audio.stream(path)
    return rate, np.concatenate(list(blocks))


def _sound(path: Path, kind: Kind, other: Path) -> Callable[[bytes], bool]:
    whole, another = path.read_bytes(), other.read_bytes()
    (rate, wave), (_, next_wave) = _read(path), _read(other)
    beside = _plain_size(path, len(wave))  # bytes of an undamaged file other than samples

    def check(data: bytes) -> bool:
        found_rate, found = _read(path)
        told = f"{len(found)} samples are read, {len(wave)} are in the whole file"
        expect(not data.startswith(PLAYLISTS), "other files are read than the one that is named")
        expect(bool(np.isfinite(found).all()), "samples that are not finite")
        _check_length(path, found)
        if data in (whole + whole, whole + another):
            expect(len(found) >= 1.9 * len(wave), f"one of two joined files is lost: {told}")
            return False
        if np.array_equal(found, wave):
            return found_rate == rate
        if kind.marked:
            expect(not whole.startswith(data), f"a cut file passes as whole: {told}")
        heads = sum(map(data.count, {whole[:HEAD], another[:HEAD]}))
        known = len(data) < 1.2 * len(whole) or heads * len(whole) >= len(data)
        if kind.checked and known:  # else a changed rate may lead to resampling
            pieces = [found[at : at + len(wave)] for at in range(0, len(found), len(wave))]
            for piece in pieces:
                whole_one = np.array_equal(piece, wave) or np.array_equal(piece, next_wave)
                expect(whole_one, f"damage is not seen: {told}")
        # Number of undamaged headers, and of files by the length of the data.
        headers = {kind.counted(whole), kind.counted(another)} if kind.counted else set()
        count, files = sum(map(data.count, headers)), max(1, round(len(data) / len(whole)))
        if beside is not None and (files == 1 or count >= files):
            size = _plain_size(path, len(found)) or 0
            padding = sum(map(len, re.findall(rb"\0{16,}", data)))
            expect(
                size - files * beside <= 64 + padding,
                f"{size} bytes are no samples, {beside} in the whole file: {told}",
            )
        least = count * len(wave) - kind.slack
        expect(len(found) >= least, f"fewer than announced: {told}")
        if count and len(data) < 1.2 * len(whole):
            right = abs(len(found) - len(wave)) <= kind.slack
            expect(right, f"another length than announced: {told}")
        return False

    return check


def _check_length(path: Path, wave: NDArray[np.float32]) -> None:
    """Checks that the loader for training counts the same samples, and reads the same ones."""
    with path.open("rb") as file:
        length = audio_files.header(file)
    if length is None:
        return
    expect(length.frames == len(wave), f"{length.frames} samples for training, {len(wave)} read")
    start = len(wave) // 2
    part = audio_files.read(str(path), length.sample_rate, start, start + 100)
    expect(np.array_equal(part, audio.to_pcm(wave[start : start + 100])), "other samples in pieces")


def _plain_size(path: Path, samples: int) -> int | None:
    """Bytes of a file other than samples; None if these are compressed."""
    try:
        about = soundfile.info(str(path))
    except soundfile.LibsndfileError:
        return None
    if about.subtype not in WIDTHS or about.format in ("FLAC", "OGG", "MP3"):
        return None
    return path.stat().st_size - samples * about.channels * WIDTHS[about.subtype]
