"""Tests of reading, resampling and writing audio."""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from audiotok_jax import audio
from audiotok_jax.audio import AudioError
from audiotok_jax.data.recordings import File, Recording

RATE = 16_000
EXAMPLES = Path(__file__).parent.parent / "examples"
needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg is not installed"
)


def tone(seconds: float = 1.0, rate: int = RATE, hertz: float = 440.0) -> NDArray[np.float32]:
    """Returns a sine of amplitude 0.5."""
    time = np.arange(int(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def put(path: Path, wave: ArrayLike | None = None, rate: int = RATE) -> Path:
    """Writes a tone and returns the path."""
    audio.write(path, tone() if wave is None else wave, rate)
    return path


def assert_close(got: NDArray[np.float32], expected: NDArray[np.float32], lossy: bool) -> None:
    """Fails unless two waves agree, apart from the fading ends where the codec is lossy."""
    assert got.shape == expected.shape
    inner = slice(1000, -1000) if lossy else slice(None)
    np.testing.assert_allclose(got[inner], expected[inner], atol=0.05 if lossy else 2**-15)


def hide_ffmpeg(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Makes `folder` the only place where programs are searched."""
    monkeypatch.setenv("PATH", str(folder))


def open_files() -> set[str]:
    """Returns what this process holds open."""
    links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
    return {os.readlink(link) for link in links if os.path.lexists(link)}


# to_mono


def test_to_mono_values() -> None:
    ints = np.array([-32768, 0, 16384, 32767], np.int16)
    mono = audio.to_mono(ints)
    assert mono.dtype == np.float32
    np.testing.assert_array_equal(mono, ints / np.float32(32768))
    np.testing.assert_array_equal(audio.to_mono(ints.astype(">i2")), mono)
    stereo = np.array([[0.5, -0.5], [1.0, 0.5]])
    np.testing.assert_array_equal(audio.to_mono(stereo), [0.0, 0.75])
    assert audio.to_mono([0.25, -0.5]).tolist() == [0.25, -0.5]
    for dtype in (np.float16, np.float32, np.float64):
        chunk = audio.to_mono(np.full(3, 0.5, dtype))
        assert chunk.dtype == np.float32
        assert chunk.tolist() == [0.5] * 3


@pytest.mark.parametrize("shape", [(0,), (0, 2)])
def test_to_mono_takes_empty_chunks(shape: tuple[int, ...]) -> None:
    mono = audio.to_mono(np.zeros(shape, np.int16))
    assert (mono.shape, mono.dtype) == ((0,), np.float32)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 33)), "transpose"),
        (np.zeros((2, 0)), "shape"),
        (np.zeros((2, 2, 2)), "shape"),
        (np.float32(1), "shape"),
        (np.zeros(3, np.int32), "int32"),
        (np.zeros(3, np.uint8), "uint8"),
        (np.zeros(3, bool), "bool"),
        (np.zeros(3, complex), "complex"),
        ([[1.0], [1.0, 2.0]], "array of numbers of shape"),
        (None, "object"),
        ("speech.wav", "U10"),
        (np.array([0, np.nan]), "NaN"),
        (np.array([[0, np.inf]], np.float32), "infinity"),
        (np.array([1e39]), "infinity"),
        (np.array([0.5, 20_000.0]), "integers of 16 bits"),
        (np.array([[0.0, -32_768.0]], np.float32), "integers of 16 bits"),
    ],
)
def test_to_mono_errors(samples: object, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        audio.to_mono(samples)  # type: ignore[arg-type]


def test_to_mono_takes_one_channel() -> None:
    stereo = np.array([[0.5, -0.5], [1.0, 0.5]])
    for channel, expected in (
        ("left", [0.5, 1.0]), (1, [0.5, 1.0]), ("right", [-0.5, 0.5]), ("2", [-0.5, 0.5]),
    ):  # fmt: skip
        np.testing.assert_array_equal(audio.to_mono(stereo, channel), expected)
    np.testing.assert_array_equal(audio.to_mono(stereo[:, 0], "left"), [0.5, 1.0])
    for channel in (3, "right", 0, -1, "middle", 1.5, "33"):
        with pytest.raises(AudioError, match="channel"):
            audio.to_mono(stereo[:, :1], channel)  # type: ignore[arg-type]


def test_channels_that_cancel_each_other_are_told() -> None:
    both = np.stack([tone(), -tone()], axis=1)
    for chunks in ([both], np.split(both, 4), [(both * 32767).astype(np.int16)]):
        with pytest.raises(AudioError, match="antiphase"):
            list(audio.resample_stream(chunks, RATE, RATE))
        left = np.concatenate(list(audio.resample_stream(chunks, RATE, RATE, "left")))
        np.testing.assert_allclose(left, tone(), atol=1e-4)
    list(audio.resample_stream([both * 0], RATE, RATE))  # silence is none
    list(audio.resample_stream([both * [1, 0.5]], RATE, RATE))  # nor is what is left of it


# resampling

rates = st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 7_919])


@settings(deadline=None, max_examples=60)
@given(
    rate_in=rates,
    rate_out=rates,
    size=st.integers(1, 30_000),
    cuts=st.lists(st.floats(0, 1), max_size=20),
)
def test_resampling_ignores_chunks(
    rate_in: int, rate_out: int, size: int, cuts: list[float]
) -> None:
    wave = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    whole = np.concatenate(list(audio.resample_stream([wave], rate_in, rate_out)))
    chunks = np.split(wave, sorted(int(cut * size) for cut in cuts))
    parts = list(audio.resample_stream(chunks, rate_in, rate_out))
    assert all(len(part) and part.dtype == np.float32 for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(whole) == -(-size * rate_out // rate_in)
    if rate_in == rate_out:
        np.testing.assert_array_equal(whole, wave)
    else:
        reference = soxr.resample(wave, rate_in, rate_out, quality="HQ")
        shared = min(len(reference), len(whole))
        np.testing.assert_array_equal(whole[:shared], reference[:shared])


@pytest.mark.parametrize(
    ("rate_in", "rate_out"),
    [(768_000, 1_000), (1_000, 768_000), (48_000, 16_000), (16_001, 16_000)],
)
def test_resampled_length_is_exact(rate_in: int, rate_out: int) -> None:
    for size in (1, 2, 3, 100, 767, 769, 1537):
        resampler = audio.Resampler(rate_in, rate_out)
        parts = [resampler.push(np.ones(1, np.float32)) for _ in range(size)]
        assert sum(map(len, [*parts, resampler.finish()])) == -(-size * rate_out // rate_in)
    assert len(audio.Resampler(rate_in, rate_out).finish()) == 0


def test_resampling_keeps_a_tone() -> None:
    out = np.concatenate(list(audio.resample_stream([tone(rate=22_050)], 22_050, RATE)))
    np.testing.assert_allclose(out[200:-200], tone()[200:-200], atol=1e-4)


def test_resampling_removes_what_the_new_rate_cannot_hold() -> None:
    high = tone(rate=48_000, hertz=12_000)
    out = np.concatenate(list(audio.resample_stream([high], 48_000, RATE)))
    assert np.abs(out[200:-200]).max() < 1e-4


@pytest.mark.parametrize("rate", [0, -1, 999, 768_001, 16_000.5, "16000", None])
def test_bad_rates(rate: object, tmp_path: Path) -> None:
    for pair in ((rate, RATE), (RATE, rate)):
        with pytest.raises(AudioError, match="sample rate"):
            audio.Resampler(*pair)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="sample rate"):
        audio.Writer(tmp_path / "x.wav", rate)  # type: ignore[arg-type]


@pytest.mark.parametrize("chunks", [[], [np.zeros(0)], [np.zeros((0, 2), np.int16)] * 3])
def test_empty_input(chunks: list[NDArray[np.float32]]) -> None:
    with pytest.raises(AudioError, match="empty"):
        list(audio.resample_stream(chunks, 8_000, RATE))


# reading


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "opus", "aiff", "au", "caf"])
def test_blocks_add_up(suffix: str, tmp_path: Path) -> None:
    wave = np.stack([tone(1.3), tone(1.3, hertz=660)], axis=1)
    kind = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
    path = tmp_path / f"x.{suffix}"
    soundfile.write(path, wave, RATE, **kind)
    rate, blocks = audio.stream(path, block_seconds=0.1)
    parts = list(blocks)
    assert rate == RATE
    assert len(parts) == 13
    assert {(len(part), part.dtype) for part in parts} == {(1600, np.dtype(np.float32))}
    whole, _ = audio.read(path)
    # The MP3 decoder rounds a little differently by block.
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6 * (suffix == "mp3"))
    assert_close(whole, wave.mean(axis=1), suffix in ("mp3", "ogg", "opus"))


def test_read_resamples() -> None:
    path = EXAMPLES / "en_rp_female_22k.flac"
    original, rate = audio.read(path)
    wave, new = audio.read(path, RATE)
    assert (rate, new) == (22_050, RATE)
    assert len(wave) == -(-len(original) * RATE // rate)
    expected = np.concatenate(list(audio.resample_stream([original], rate, RATE)))
    np.testing.assert_array_equal(wave, expected)


def test_suffix_does_not_matter(tmp_path: Path) -> None:
    path = put(tmp_path / "x.flac").rename(tmp_path / "x.raw")
    assert len(audio.read(path)[0]) == RATE


def test_pipe_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = put(tmp_path / "x.flac").read_bytes()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    thread = threading.Thread(target=fifo.write_bytes, args=(data,))
    thread.start()
    assert len(audio.read(fifo)[0]) == RATE
    thread.join()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert len(audio.read("-")[0]) == RATE
    with pytest.raises(AudioError, match="^standard input: the file is empty"):
        audio.read("-")


@pytest.mark.parametrize("announced", [0xFFFF_FFFF, 0x7FFF_F024])
def test_wav_of_unknown_length_is_read_to_its_end(announced: int, tmp_path: Path) -> None:
    path = put(tmp_path / "x.wav")
    data = path.read_bytes()
    start = data.index(b"data") + 4
    path.write_bytes(data[:start] + announced.to_bytes(4, "little") + data[start + 4 :])
    assert len(audio.read(path)[0]) == RATE


@pytest.mark.parametrize("with_ffmpeg", [False, True])
@pytest.mark.parametrize("junk", ["empty", "random", "text", "header"])
def test_bad_files(
    junk: str, with_ffmpeg: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_ffmpeg:
        hide_ffmpeg(monkeypatch, tmp_path)
    path = tmp_path / "bad.wav"
    path.write_bytes(
        {
            "empty": b"",
            "random": np.random.default_rng(0).bytes(50_000),
            "text": b"This is no audio.\n" * 100,
            "header": put(tmp_path / "x.wav").read_bytes()[:20],
        }[junk]
    )
    with pytest.raises(AudioError, match=f"^{re.escape(str(path))}: [^\n]+$"):
        audio.stream(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "aiff", "au"])
def test_cut_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{suffix}"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 4 * RATE)
    soundfile.write(path, noise, RATE)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(AudioError, match=re.escape(str(path))):
        audio.read(path)


def test_an_mp3_that_does_not_tell_its_length_is_read_to_its_end(tmp_path: Path) -> None:
    whole, bare = tmp_path / "whole.mp3", tmp_path / "bare.mp3"
    # Silence makes the first frames small, from which libsndfile would guess that there are more.
    audio.write(whole, np.concatenate([np.zeros(RATE), tone(2)]), RATE)
    data = whole.read_bytes()
    assert b"Xing" in data[:64]
    tag = b"ID3\4\0\0\0\0\1\5" + bytes(133)
    bare.write_bytes(tag + data[data.index(data[:2], 2) :])
    wave, _ = audio.read(whole)
    longer, _ = audio.read(bare)
    # The first frame tells how much the encoder put before and after, too.
    start = 576 + 529
    np.testing.assert_allclose(longer[start : start + len(wave)], wave, atol=1e-6)
    assert start + len(wave) < len(longer) < start + len(wave) + 2 * 576
    assert Recording(File(str(bare))).measure().frames == len(longer)
    _, blocks = audio.stream(bare, block_seconds=0.1)
    next(blocks)
    blocks.close()  # nothing hangs


def test_no_samples_nan_and_channels(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros(0, np.int16), RATE)
    with pytest.raises(AudioError, match=f"{re.escape(str(path))}: the audio is empty"):
        audio.read(path)
    soundfile.write(path, np.array([0, np.nan]), RATE, "FLOAT")
    with pytest.raises(AudioError, match=f"{re.escape(str(path))}: samples hold NaN"):
        audio.read(path)
    soundfile.write(path, np.zeros((5, 33)), RATE)
    with pytest.raises(AudioError, match="33 channels"):
        audio.read(path)
    soundfile.write(path, np.zeros(5), 800)
    with pytest.raises(AudioError, match="800 Hz"):
        audio.read(path)


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        audio.stream(tmp_path / "none.wav")
    with pytest.raises(AudioError, match="is a folder"):
        audio.stream(tmp_path)
    with pytest.raises(AudioError, match="is a device"):
        audio.stream("/dev/zero")
    monkeypatch.chdir(tmp_path)  # as the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.wav")
        with pytest.raises(AudioError, match="is a socket"):
            audio.stream("socket.wav")


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_bad_block_length(seconds: float, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="block_seconds"):
        audio.stream(put(tmp_path / "x.wav"), seconds)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="lists open files through /proc")
def test_nothing_stays_open(tmp_path: Path) -> None:
    path = put(tmp_path / "x.flac")
    _, blocks = audio.stream(path, 0.1)
    assert str(path) in open_files()
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert str(path) not in open_files()
    audio.stream(path)  # dropped before its first block
    assert str(path) not in open_files()


# ffmpeg


def test_missing_ffmpeg_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "speech.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))
    hide_ffmpeg(monkeypatch, tmp_path)
    with pytest.raises(AudioError, match=r"speech\.m4a: .*install ffmpeg \(Debian package"):
        audio.stream(path)


@pytest.fixture
def m4a(tmp_path: Path) -> Path:
    """An AAC file of three seconds in stereo, its index in front."""
    wave = np.stack([tone(3.0), np.zeros(3 * RATE, np.float32)], axis=1)
    soundfile.write(tmp_path / "source.wav", wave, RATE)
    path = tmp_path / "a:b -x.m4a"  # a name that could be taken for a protocol
    source = str(tmp_path / "source.wav")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", source, "-movflags", "+faststart"]
    subprocess.run([*command, f"file:{path}"], check=True)
    return path


@needs_ffmpeg
def test_ffmpeg_reads_m4a(m4a: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rate, blocks = audio.stream(m4a, 0.1)
    parts = list(blocks)
    assert rate == RATE
    assert {len(part) for part in parts[:-1]} == {1600}
    whole, _ = audio.read(m4a)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert abs(len(whole) - 3 * RATE) <= 1024  # AAC fills up its last frame
    assert np.abs(whole[: 3 * RATE] - tone(3.0) / 2)[2000:-2000].max() < 0.02
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(m4a.read_bytes())))
    np.testing.assert_array_equal(audio.read("-")[0], whole)


def test_flac_of_unknown_length(tmp_path: Path) -> None:
    path = put(tmp_path / "x.flac", tone(12.0))
    data = bytearray(path.read_bytes())
    data[8 + 13] &= 0xF0  # the 36 bits of STREAMINFO that hold the number of samples
    data[8 + 14 : 8 + 18] = bytes(4)
    expected = audio.read(path)[0]
    path.write_bytes(data)
    np.testing.assert_array_equal(audio.read(path)[0], expected)


@needs_ffmpeg
@pytest.mark.parametrize("part", [0.1, 0.6, 0.95])
def test_ffmpeg_refuses_a_cut_file(part: float, m4a: Path) -> None:
    data = m4a.read_bytes()
    m4a.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(AudioError, match=f"^{re.escape(str(m4a))}: [^\n]+$"):
        audio.read(m4a)


@needs_ffmpeg
def test_ffmpeg_cannot_be_led_astray(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret.wav")
    path = tmp_path / "x.m4a"
    path.write_text(f"#EXTM3U\n#EXTINF:1,\nsubfile,,start,0,end,0,,:{secret}\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError, match=re.escape(str(path))):
        audio.read(path)


@needs_ffmpeg
def test_ffmpeg_is_stopped(m4a: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = subprocess.Popen

    def spy(*args: object, **kwargs: object) -> object:
        process = popen(*args, **kwargs)  # type: ignore[call-overload]
        started.append(process)
        return process

    _, blocks = audio.stream(m4a, 0.01)
    monkeypatch.setattr(subprocess, "Popen", spy)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    (process,) = started
    assert process.returncode is not None
    assert process.stdout.closed


# writing


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3"])
def test_write_and_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    wave = tone(20.0)  # longer than one block of the writer
    with audio.Writer(path, RATE) as writer:
        for chunk in np.split(wave, [5, 5, 7000, 200_000]):
            writer.write(chunk)
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]
    back, rate = audio.read(path)
    assert (rate, len(back)) == (RATE, len(wave))
    assert_close(back, wave, suffix in (".ogg", ".opus", ".mp3"))


def test_one_long_write(tmp_path: Path) -> None:
    path = put(tmp_path / "x.ogg", np.zeros(2_500_000, np.float32))  # more than fits the stack
    assert soundfile.info(path).frames == 2_500_000


def test_sixteen_bits_survive_exactly(tmp_path: Path) -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    for suffix in (".wav", ".flac"):
        path = put(tmp_path / f"x{suffix}", audio.to_mono(every))
        stored, _ = soundfile.read(path, dtype="int16")
        np.testing.assert_array_equal(stored, every)


def test_write_clips(tmp_path: Path) -> None:
    path = put(tmp_path / "x.wav", [-7.0, -1.0, 1.0, 3e38])
    assert soundfile.read(path, dtype="int16")[0].tolist() == [-32768, -32768, 32767, 32767]


def test_write_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe(io.BytesIO):
        def seek(self, *_: object) -> int:
            raise OSError("cannot seek")

    pipe = Pipe()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe))
    audio.write("-", tone(), RATE)
    wave, rate = soundfile.read(io.BytesIO(pipe.getvalue()))
    assert (len(wave), rate) == (RATE, RATE)


@pytest.mark.parametrize("before", [None, b"kept"])
def test_failed_write_leaves_what_was_there(before: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    if before:
        path.write_bytes(before)

    def spoil(chunk: ArrayLike) -> None:
        with audio.Writer(path, RATE) as writer:
            writer.write(tone())
            writer.write(chunk)
            raise KeyboardInterrupt

    with pytest.raises(AudioError, match="NaN"):
        spoil([np.nan])
    with pytest.raises(KeyboardInterrupt):
        spoil(tone())
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([before] if before else [])


def test_write_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AudioError, match=r"cannot write \.m4a; use one of \.wav \.flac"):
        audio.write(tmp_path / "x.m4a", tone(), RATE)
    with pytest.raises(AudioError, match="without suffix"):
        audio.write(tmp_path / "x", tone(), RATE)
    with pytest.raises(AudioError, match="no samples"):
        audio.write(tmp_path / "x.wav", np.zeros(0), RATE)
    with pytest.raises(AudioError, match=r"x\.opus: .*only supports"):
        audio.write(tmp_path / "x.opus", tone(), 22_050)
    with pytest.raises(AudioError, match="at most 192000 Hz"):
        audio.write(tmp_path / "x.ogg", tone(), 384_000)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        audio.write(tmp_path / "none" / "x.wav", tone(), RATE)
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(FileExistsError):
        audio.write(tmp_path / "folder.wav", tone(), RATE)
    (tmp_path / "folder.wav").rmdir()
    monkeypatch.setattr(audio.writing, "_MAX_WAV", RATE - 1)
    with pytest.raises(AudioError, match="too long"):
        audio.write(tmp_path / "x.wav", tone(), RATE)
    assert not list(tmp_path.iterdir())


LIMITED = """
import errno, resource, signal, sys
import numpy as np
from audiotok_jax import audio
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5000)
try:
    audio.write(sys.argv[1], noise, 16_000)
except OSError as error:
    assert error.errno == errno.EFBIG
    print(error.filename)
"""


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3"])
@pytest.mark.parametrize("limit", [1000, None])
def test_full_disk(suffix: str, limit: int | None, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    if limit is None:  # the last bytes alone, written on closing, do not fit
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5000)
        limit = put(path, noise).stat().st_size - 10
        path.unlink()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, path, str(limit)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path}\n"
    assert not list(tmp_path.iterdir())


# examples


def test_examples() -> None:
    clips = sorted(EXAMPLES.glob("*.flac"))
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert len(clips) == 6
    for clip in clips:
        info = soundfile.info(clip)
        assert (info.channels, info.subtype) == (1, "PCM_16")
        assert 3 <= info.duration <= 6
        assert clip.stat().st_size < 120_000
        assert f"| [{clip.stem}]({clip.name}) | {info.duration:.1f} | {info.samplerate} |" in page
    assert sorted(soundfile.info(clip).samplerate for clip in clips) == [RATE] * 5 + [22_050]
