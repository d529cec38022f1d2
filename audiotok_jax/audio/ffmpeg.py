"""Reading through the programs `ffmpeg` and `ffprobe`, if they are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from audiotok_jax.audio.containers.part import Part
from audiotok_jax.audio.samples import AudioError, check_layout
from audiotok_jax.audio.sndfile import block_frames, check_count
from audiotok_jax.audio.source import Source, View


def is_there() -> bool:
    """Whether both programs are installed."""
    return bool(shutil.which("ffmpeg") and shutil.which("ffprobe"))


def blocks(
    source: Source, part: Part, name: str, block_seconds: float, wanted_rate: int = 0
) -> Generator[Any, None, None]:
    """Decodes a part, at `wanted_rate` Hz if that is not 0.

    Yields:
        The sample rate in Hz, then float32 (n, channels) blocks.

    Raises:
        AudioError: it cannot be read, or ffmpeg reports an error.
        OSError: the file cannot be read.
    """
    with ExitStack() as stack:
        path = stack.enter_context(_path(source, part, name))

        def complaint(text: bytes) -> str:
            lines = text.decode(errors="replace").replace(f"file:{path}", name).split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "no audio")

        # Only this demuxer: a playlist or script could otherwise make ffmpeg open other files.
        only = ["-f", part.demuxer, "-format_whitelist", part.demuxer]
        given = [*only, "-protocol_whitelist", "file", "-i", f"file:{path}"]
        entries = ["-select_streams", "a", "-show_entries", "stream=sample_rate,channels"]
        probe = subprocess.run(
            ["ffprobe", "-v", "error", *entries, "-of", "json", *given],
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        try:
            streams = json.loads(probe.stdout)["streams"]
            rate, channels = int(streams[0]["sample_rate"]), int(streams[0]["channels"])
        except (ValueError, LookupError):
            raise AudioError(f"not readable as audio: {complaint(probe.stderr)}") from None
        if len(streams) > 1:
            raise AudioError(
                f"{len(streams)} streams of audio run side by side; extract one of them, with "
                "ffmpeg -map 0:a:0 and so on"
            )
        rate = wanted_rate or rate
        check_layout(rate, channels)
        yield rate
        size = block_frames(block_seconds, rate, channels) * channels * 4
        output = ["-map", "0:a:0", "-ar", str(rate), "-ac", str(channels), "-f", "f32le", "-"]
        complaints = stack.enter_context(tempfile.TemporaryFile())
        process = stack.enter_context(
            subprocess.Popen(
                # Checksums of frames are checked only on request.
                ["ffmpeg", "-v", "error", "-nostdin", "-err_detect", "crccheck", *given, *output],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        )
        assert process.stdout is not None
        count = 0
        try:
            while data := process.stdout.read(size):
                whole = len(data) // (4 * channels)
                count += whole
                yield np.frombuffer(data, "<f4", whole * channels).reshape(-1, channels)
            process.wait()
        finally:
            process.kill()  # if it still runs: the rest is not needed
        # ffmpeg conceals decoding errors and may still exit with 0, so any message is an error.
        complaints.seek(0)
        text = complaints.read()
        if process.returncode or text.strip():
            raise AudioError(f"damaged or cut short: {complaint(text)}")
    check_count(part, count)


@contextmanager
def _path(source: Source, part: Part, name: str) -> Iterator[str]:
    """The path of a file that holds the part and nothing else."""
    if part.pieces == (range(0, source.size),) and isinstance(source.file.name, str):
        yield source.file.name
        return
    with tempfile.NamedTemporaryFile() as copy:
        view = View(source, part.pieces)
        shutil.copyfileobj(view, copy)
        view.check(name)
        copy.flush()
        yield copy.name
