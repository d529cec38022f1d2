"""Reads, resamples and writes audio in constant memory, as mono float32.

libsndfile (WAV, FLAC, MP3, Ogg Vorbis, Opus and more) reads what it knows; what it does not know
(M4A, AAC, WMA, WebM, ...) goes through the programs `ffmpeg` and `ffprobe` if they are installed.
"""

from __future__ import annotations

import io
import json
import operator
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from audiotok_jax.files import replacing

SUFFIXES = (
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".webm"),
    *(".aiff", ".aif", ".aifc", ".au", ".caf", ".w64", ".rf64", ".sph", ".amr", ".3gp", ".mka"),
)
"""What `find` takes for audio in a folder, in lower case."""

MAX_CHANNELS = 32
RATES = (1_000, 768_000)
"""The lowest and the highest sample rate taken, in Hz."""

_FORMATS = {  # suffix: (format, subtype, highest rate in Hz or None), as libsndfile names them
    ".wav": ("WAV", "PCM_16", None),
    ".flac": ("FLAC", "PCM_16", None),
    ".ogg": ("OGG", "VORBIS", 192_000),  # far above it libsndfile crashes instead of refusing
    ".opus": ("OGG", "OPUS", None),
    ".mp3": ("MP3", "MPEG_LAYER_III", None),
}
_WRITE_BLOCK = 1 << 16  # samples; libsndfile's Vorbis encoder overflows the stack on long writes
_MAX_WAV = (2**32 - 2**16) // 2  # samples; a WAV header counts bytes in 32 bits
_MP3_FRAME = 1441  # bytes, the longest one
# Programs that write WAV or AU to a pipe announce about 2 or 4 GiB for a length they do not know.
_PLACEHOLDER = 0x7FFF_0000
_ANNOUNCED = re.compile(r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)")


class AudioError(ValueError):
    """The audio itself is bad; trouble with the disk stays OSError."""


def to_mono(samples: ArrayLike) -> NDArray[np.float32]:
    """Checks a chunk of samples and mixes it down to one channel, the mean of all.

    Args:
        samples: float16, float32 or float64, or int16 (divided by 32768), of shape (S,) or
            (S, channels).  S may be 0.

    Returns:
        float32 (S,), which may share memory with `samples`.

    Raises:
        AudioError: another dtype or shape, more than 32 channels, NaN or infinity.
    """
    try:
        array = np.asarray(samples)
    except ValueError:
        raise AudioError("samples must form an array of shape (S,) or (S, channels)") from None
    kind = (array.dtype.kind, array.dtype.itemsize)
    if kind not in (("i", 2), ("f", 2), ("f", 4), ("f", 8)):
        raise AudioError(
            f"samples must be int16, float16, float32 or float64, not {array.dtype}; "
            "scale other integers to floats in -1..1 first"
        )
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise AudioError(f"samples must have shape (S,) or (S, channels), not {array.shape}")
    if array.ndim == 2 and array.shape[1] > MAX_CHANNELS:
        raise AudioError(
            f"shape {array.shape} means {array.shape[1]} channels, more than {MAX_CHANNELS}; "
            "transpose the array if its channels come first"
        )
    with np.errstate(over="ignore"):  # an overflow becomes infinite, which is refused below
        mono = array.astype(np.float32, order="C", copy=False)
        if kind == ("i", 2):
            mono = mono / np.float32(32768)
        if mono.ndim == 2:
            mono = mono.mean(axis=1)
    if not np.isfinite(mono).all():
        raise AudioError("samples hold NaN or infinity")
    return mono


class _SoundFile(soundfile.SoundFile):
    """A sound file that never seeks.

    soundfile seeks to where it already is after each read and write.  That loses the overlap of
    MP3 frames, an audible gap at each block, and fails in FLAC files of unknown length.
    """

    def seekable(self) -> bool:
        """Says no, which is all that keeps soundfile from seeking."""
        return False


class _Sink(io.FileIO):
    """A file that keeps the error of a write until `check`.

    libsndfile would turn it into another one, or drop it where it comes on closing.
    """

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Writes all of `data`, nothing more after an error, and returns its length."""
        rest = memoryview(data)
        try:
            while rest and self.error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def check(self, name: str) -> None:
        """Raises the error, if there is one, for the file `name`."""
        if self.error is not None:
            raise OSError(self.error.errno, self.error.strerror, name)


class Resampler:
    """Changes the sample rate of a stream.

    However the input is cut into chunks, the output is the same to the last bit, and its total
    length is exactly ceil(total input * rate_out / rate_in).  Where the rates are equal, chunks
    pass through untouched.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        """Starts a stream.

        Args:
            rate_in: in Hz.
            rate_out: in Hz.

        Raises:
            AudioError: a rate is not an integer in 1000..768000.
        """
        self._rate_in = _check_rate(rate_in)
        self._rate_out = _check_rate(rate_out)
        self._soxr = None
        if self._rate_in != self._rate_out:
            self._soxr = soxr.ResampleStream(
                self._rate_in, self._rate_out, 1, dtype="float32", quality="HQ"
            )
        self._taken = 0
        self._given = 0

    def push(self, chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes float32 (S,), S >= 0, and returns the float32 (R,), R >= 0, that are ready."""
        if self._soxr is None:
            return chunk
        out = self._soxr.resample_chunk(np.ascontiguousarray(chunk))
        self._taken += len(chunk)
        self._given += len(out)
        return out

    def finish(self) -> NDArray[np.float32]:
        """Ends the stream and returns its last samples, float32 (R,), R >= 0."""
        if self._soxr is None:
            return np.zeros(0, np.float32)
        # soxr rounds the length to the nearest: silence for one or two samples more makes it reach
        # the ceiling, and the excess is cut.
        silence = np.zeros(2 * _ceil_div(self._rate_in, self._rate_out), np.float32)
        missing = _ceil_div(self._taken * self._rate_out, self._rate_in) - self._given
        return self._soxr.resample_chunk(silence, last=True)[:missing]


def resample_stream(
    chunks: Iterable[ArrayLike], rate_in: int, rate_out: int
) -> Iterator[NDArray[np.float32]]:
    """Mixes down and resamples a stream of chunks, each as `to_mono` takes it.

    Yields:
        float32 (R,), R >= 1; in all ceil(total input * rate_out / rate_in) samples, the same to
        the last bit however the input is cut into chunks.

    Raises:
        AudioError: a chunk or a rate is bad, or there is no sample in all chunks together.
    """
    resampler = Resampler(rate_in, rate_out)
    empty = True
    for chunk in chunks:
        mono = to_mono(chunk)
        empty = empty and not len(mono)
        out = resampler.push(mono)
        if len(out):
            yield out
    if empty:
        raise AudioError("the audio is empty")
    out = resampler.finish()
    if len(out):
        yield out


def stream(
    path: str | os.PathLike[str], block_seconds: float = 10.0
) -> tuple[int, Iterator[NDArray[np.float32]]]:
    """Opens an audio file to be read block by block in constant memory.

    What is no regular file (standard input, a pipe) is first copied to a temporary file, because
    most formats are read with jumps.  A file that is shorter than its header announces is an
    error; what announces no length (Ogg, raw AAC, some MP3) is read as far as it goes.

    Args:
        path: the file; "-" is standard input.
        block_seconds: length of a block; more than 0.

    Returns:
        The sample rate in Hz, and an iterator of float32 (n,), n >= 1: all channels mixed down.
        The file is closed when the iterator ends, or is closed or dropped.

    Raises:
        AudioError: at the call or at a later block: not audio, damaged, cut short, empty, NaN, or
            a format for which ffmpeg would have to be installed.
        OSError: the file does not exist or the disk does not give it.
    """
    if not block_seconds > 0:
        raise AudioError(f"block_seconds must be more than 0, not {block_seconds}")
    blocks = _blocks(path, block_seconds)
    return next(blocks), blocks  # having started, it closes what it opened, whatever comes


def read(
    path: str | os.PathLike[str], sample_rate: int | None = None
) -> tuple[NDArray[np.float32], int]:
    """Reads a whole audio file; see `stream` for the rules and errors.

    Args:
        path: the file; "-" is standard input.
        sample_rate: in Hz, to resample to; None keeps that of the file.

    Returns:
        float32 (S,), S >= 1, all channels mixed down, and its sample rate in Hz.
    """
    rate, chunks = stream(path)
    if sample_rate is not None:
        chunks = resample_stream(chunks, rate, sample_rate)
        rate = sample_rate
    return np.concatenate(list(chunks)), rate


def mp3_tells_length(source: str | IO[bytes]) -> bool:
    """Whether an MP3 file, by path or open, says how long it is: in place of its first frame.

    What libsndfile says of the length of another one is a guess, from its size and first frame.
    """
    with open(source, "rb") if isinstance(source, str) else nullcontext(source) as file:
        file.seek(0)
        head = file.read(10)
        after = 0
        if head[:3] == b"ID3":  # the size of the tag is in four times seven bits
            after = 10 + sum(byte << 7 * place for place, byte in enumerate(head[:5:-1]))
        file.seek(after)
        first = file.read(_MP3_FRAME)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))


class Writer:
    """Writes mono audio of 16 bits piece by piece; a context manager.

    The file appears under its name when the block ends well.  If the block raises, nothing
    half-written remains.
    """

    def __init__(self, path: str | os.PathLike[str], sample_rate: int) -> None:
        """Checks what can be checked before the file is opened on entering the block.

        Args:
            path: its suffix sets the format: .wav, .flac, .ogg (Vorbis), .opus or .mp3; "-" is
                standard output, as WAV.
            sample_rate: in Hz.

        Raises:
            AudioError: the suffix is not known, or the sample rate is out of range.  On entering
                the block: the format does not take this rate.  On leaving it: nothing was written.
            OSError: on entering or leaving the block: the disk does not take the file.
        """
        self._path = os.fspath(path)
        suffix = ".wav" if self._path == "-" else Path(path).suffix.lower()
        if suffix not in _FORMATS:
            raise AudioError(
                f"{self._path}: cannot write {suffix or 'a name without suffix'}; "
                f"use one of {' '.join(_FORMATS)}"
            )
        self._format, self._subtype, most = _FORMATS[suffix]
        self._rate = _check_rate(sample_rate)
        if most is not None and self._rate > most:
            raise AudioError(f"{self._path}: {suffix} takes at most {most} Hz, not {self._rate}")
        self._written = 0

    def __enter__(self) -> Writer:
        """Opens the file."""
        with ExitStack() as stack:
            place = _to_stdout() if self._path == "-" else replacing(self._path)
            self._sink = stack.enter_context(_Sink(stack.enter_context(place), "w"))
            stack.enter_context(self._errors())
            self._sound = stack.enter_context(
                _SoundFile(
                    self._sink,
                    "w",
                    samplerate=self._rate,
                    channels=1,
                    format=self._format,
                    subtype=self._subtype,
                )
            )
            stack.push(self._refuse_empty)
            self._stack = stack.pop_all()
        return self

    def write(self, chunk: ArrayLike) -> None:
        """Appends samples, clipped to -1..1.

        Args:
            chunk: float32 (S,), S >= 0, or whatever else `to_mono` takes.

        Raises:
            AudioError: the chunk is bad, or a WAV file would grow beyond its 4 GiB.
            OSError: the disk does not take it.
        """
        scaled = to_mono(chunk).clip(-1, 1) * np.float32(32768)
        pcm = np.rint(scaled).clip(-32768, 32767).astype(np.int16)
        self._written += len(pcm)
        if self._format == "WAV" and self._written > _MAX_WAV:
            raise AudioError(f"{self._path}: too long for a WAV file (4 GiB); write .flac instead")
        for start in range(0, len(pcm), _WRITE_BLOCK):
            self._sound.write(pcm[start : start + _WRITE_BLOCK])
            self._sink.check(self._path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Puts the file under its name, or removes it if the block raised."""
        self._stack.__exit__(kind, error, traceback)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{self._path}: {error.error_string}") from None
        self._sink.check(self._path)  # once more: closing writes, too

    def _refuse_empty(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self._written:
            raise AudioError(f"{self._path}: no samples to write")


def write(path: str | os.PathLike[str], wave: ArrayLike, sample_rate: int) -> None:
    """Writes a whole audio file; see `Writer` for the rules and errors.

    Args:
        path: the file; its suffix sets the format; "-" is standard output, as WAV.
        wave: float32 (S,), S >= 1, or whatever else `to_mono` takes.
        sample_rate: in Hz.
    """
    with Writer(path, sample_rate) as writer:
        writer.write(wave)


def _blocks(path: str | os.PathLike[str], block_seconds: float) -> Generator[Any, None, None]:
    """Yields the sample rate in Hz, then float32 (n,) mono blocks; owns all it opens."""
    name = "standard input" if os.fspath(path) == "-" else os.fspath(path)
    with ExitStack() as stack:
        file = stack.enter_context(_open_regular(path, name))
        stack.enter_context(_translated(name))
        if os.fstat(file.fileno()).st_size == 0:
            raise AudioError(f"{name}: the file is empty")
        try:
            # By descriptor, so that the bytes alone and not the suffix say what the format is.
            sound = stack.enter_context(_SoundFile(file.fileno(), closefd=False))
            if sound.format == "MP3" and not mp3_tells_length(file.name):
                # libsndfile would guess where it ends; of a pipe it reads all.
                sound.close()
                pipe = stack.enter_context(_piped(file))
                sound = stack.enter_context(_SoundFile(pipe, closefd=False))
            source = _sndfile_blocks(sound, name, block_seconds)
        except soundfile.LibsndfileError as error:
            source = _ffmpeg_blocks(file.name, name, error.error_string, block_seconds)
        stack.enter_context(closing(source))
        yield next(source)
        empty = True
        for block in source:
            try:
                mono = to_mono(block)
            except AudioError as error:
                raise AudioError(f"{name}: {error}") from None
            if len(mono):
                empty = False
                yield mono
        if empty:
            raise AudioError(f"{name}: the audio is empty")


def _sndfile_blocks(
    sound: _SoundFile, name: str, block_seconds: float
) -> Generator[Any, None, None]:
    """Yields the sample rate in Hz, then float32 (n, channels) blocks."""
    _check_layout(name, sound.samplerate, sound.channels)
    # libsndfile quietly takes a cut WAV, AIFF or AU file for a shorter one, but logs it.
    announced = _ANNOUNCED.search(sound.extra_info)
    if announced and int(announced[2]) < int(announced[1]) < _PLACEHOLDER:
        raise AudioError(
            f"{name}: cut short: its header announces {announced[1]} bytes of samples, "
            f"it has {announced[2]}"
        )
    yield sound.samplerate
    size = max(1, int(block_seconds * sound.samplerate))
    count = 0
    while len(block := sound.read(size, dtype="float32", always_2d=True)):
        count += len(block)
        yield block
    if count < sound.frames < 2**62:  # beyond it the length is not known: FLAC from a pipe
        raise AudioError(f"{name}: cut short: {sound.frames} samples announced, {count} there")


def _ffmpeg_blocks(
    path: str, name: str, reason: str, block_seconds: float
) -> Generator[Any, None, None]:
    """Yields the sample rate in Hz, then float32 (n, channels) blocks."""
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        raise AudioError(
            f"{name}: libsndfile cannot read this ({reason.rstrip('.')}); if it is audio of "
            "another format, install ffmpeg (Debian package `ffmpeg`)"
        )

    def complaint(text: bytes) -> str:
        lines = text.decode(errors="replace").replace(f"file:{path}", name).split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "no audio in it")

    # "file:" and the whitelist: a name or a playlist cannot make ffmpeg open anything else.
    source = ["-protocol_whitelist", "file", "-i", f"file:{path}"]
    entries = ["-select_streams", "a:0", "-show_entries", "stream=sample_rate,channels"]
    probe = subprocess.run(
        ["ffprobe", "-v", "error", *entries, "-of", "json", *source],
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    try:
        found = json.loads(probe.stdout)["streams"][0]
        rate, channels = int(found["sample_rate"]), int(found["channels"])
    except (ValueError, LookupError):
        raise AudioError(f"{name}: not readable as audio: {complaint(probe.stderr)}") from None
    _check_layout(name, rate, channels)
    yield rate
    size = max(1, int(block_seconds * rate)) * channels * 4
    output = ["-map", "0:a:0", "-ar", str(rate), "-ac", str(channels), "-f", "f32le", "-"]
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            ["ffmpeg", "-v", "error", "-nostdin", *source, *output],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            while data := process.stdout.read(size):
                whole = len(data) // (4 * channels) * channels
                yield np.frombuffer(data, "<f4", whole).reshape(-1, channels)
            process.wait()
        finally:
            process.kill()  # if it still runs: nobody wants the rest
        # ffmpeg conceals what it cannot decode and may still exit with 0: any complaint counts.
        complaints.seek(0)
        text = complaints.read()
        if process.returncode or text.strip():
            raise AudioError(f"{name}: damaged or cut short: {complaint(text)}")


def _open_regular(path: str | os.PathLike[str], name: str) -> IO[bytes]:
    """Opens a file to read; a pipe is copied to a temporary file first, to allow jumps."""
    if os.fspath(path) == "-":
        return _spool(sys.stdin.buffer)
    try:
        file = open(path, "rb")
    except IsADirectoryError:
        raise AudioError(f"{name}: is a folder, not an audio file") from None
    mode = os.fstat(file.fileno()).st_mode
    if stat.S_ISREG(mode):
        return file
    with file:
        if stat.S_ISFIFO(mode):
            return _spool(file)
    raise AudioError(f"{name}: is a device, not an audio file")


def _spool(source: IO[bytes]) -> IO[bytes]:
    temporary = tempfile.NamedTemporaryFile()
    try:
        shutil.copyfileobj(source, temporary)
        temporary.seek(0)
    except BaseException:
        temporary.close()
        raise
    return temporary


@contextmanager
def _piped(file: IO[bytes]) -> Iterator[int]:
    """Gives the descriptor of a pipe through which a file comes."""
    file.seek(0)
    with subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.fileno()


@contextmanager
def _to_stdout() -> Iterator[Path]:
    """Gives a temporary path, copied to standard output if the block ends well.

    A WAV header holds the length, so it cannot be written to a pipe as the samples come.
    """
    with tempfile.NamedTemporaryFile() as temporary:
        yield Path(temporary.name)
        shutil.copyfileobj(temporary, sys.stdout.buffer)
        sys.stdout.buffer.flush()


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turns libsndfile's errors into AudioError, or OSError where the system failed it."""
    try:
        yield
    except soundfile.LibsndfileError as error:
        if error.code == 2:  # SF_ERR_SYSTEM
            raise OSError(f"{name}: the disk does not give it") from None
        raise AudioError(f"{name}: {error.error_string}") from None


def _check_layout(name: str, rate: int, channels: int) -> None:
    if not (RATES[0] <= rate <= RATES[1] and 1 <= channels <= MAX_CHANNELS):
        raise AudioError(
            f"{name}: {rate} Hz with {channels} channels; takes {RATES[0]} to {RATES[1]} Hz "
            f"with 1 to {MAX_CHANNELS} channels"
        )


def _check_rate(rate: int) -> int:
    try:
        number = operator.index(rate)
    except TypeError:
        raise AudioError(f"a sample rate must be an integer, not {rate!r}") from None
    if not RATES[0] <= number <= RATES[1]:
        raise AudioError(f"a sample rate must lie in {RATES[0]}..{RATES[1]} Hz, not {number}")
    return number


def _ceil_div(a: int, b: int) -> int:
    return -(-a // b)
