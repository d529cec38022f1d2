"""What files announce against what is in them: joined, cut, of unknown length, with tags."""

from __future__ import annotations

import io
import logging
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audiotok_jax import audio
from audiotok_jax.audio import AudioError
from audiotok_jax.audio.containers.ogg import checksum
from audiotok_jax.audio.source import Source
from audiotok_jax.data import audio_files
from audiotok_jax.data.recordings import File, Recording

RATE = 16_000
SAMPLES = 24_000
WRITTEN = {  # by libsndfile; name: format, subtype, order of bytes
    "wav": ("WAV", "PCM_16", "FILE"),
    "float": ("WAV", "FLOAT", "FILE"),
    "ulaw": ("WAV", "ULAW", "FILE"),
    "gsm": ("WAV", "GSM610", "FILE"),
    "rifx": ("WAV", "PCM_16", "BIG"),
    "wavex": ("WAVEX", "PCM_24", "FILE"),
    "rf64": ("RF64", "PCM_16", "FILE"),
    "w64": ("W64", "PCM_16", "FILE"),
    "aiff": ("AIFF", "PCM_16", "FILE"),
    "aifc": ("AIFF", "FLOAT", "FILE"),
    "ima": ("AIFF", "IMA_ADPCM", "FILE"),
    "au": ("AU", "PCM_16", "FILE"),
    "caf": ("CAF", "PCM_16", "FILE"),
    "nist": ("NIST", "PCM_16", "FILE"),
    "flac": ("FLAC", "PCM_16", "FILE"),
    "vorbis": ("OGG", "VORBIS", "FILE"),
    "opus": ("OGG", "OPUS", "FILE"),
    "mp3": ("MP3", "MPEG_LAYER_III", "FILE"),
}
MADE = {  # by ffmpeg; name: its arguments
    "m4a": ["-f", "ipod"],
    "front.m4a": ["-movflags", "+faststart", "-f", "ipod"],
    "fragments.mp4": ["-movflags", "frag_keyframe+empty_moov", "-frag_duration", "200000",
                      "-f", "mp4"],
    "webm": ["-f", "webm"],
    "live.webm": ["-live", "1", "-f", "webm"],
    "aac": ["-f", "adts"],
    "wma": ["-f", "asf"],
    "bare.mp3": ["-write_xing", "0", "-id3v2_version", "0", "-f", "mp3"],
    "mp2": ["-f", "mp2"],
    "mp3.wav": ["-c:a", "libmp3lame", "-f", "wav"],
}  # fmt: skip
needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg is not installed"
)
KINDS = [*WRITTEN, *(pytest.param(name, marks=needs_ffmpeg) for name in MADE)]


@pytest.fixture(scope="session")
def wave() -> NDArray[np.float32]:
    """Speech-like: louder and softer tones in noise."""
    time = np.arange(SAMPLES) / RATE
    noise = np.random.default_rng(0).normal(0, 0.01, SAMPLES)
    return (0.3 * np.sin(2 * np.pi * (300 + 200 * time) * time) + noise).astype(np.float32)


@pytest.fixture(scope="session")
def made(
    tmp_path_factory: pytest.TempPathFactory, wave: NDArray[np.float32]
) -> Callable[[str], bytes]:
    """The bytes of a file of a kind."""
    root = tmp_path_factory.mktemp("made")

    def make(kind: str) -> bytes:
        path = root / kind
        if not path.exists() and kind in WRITTEN:
            form, subtype, order = WRITTEN[kind]
            soundfile.write(path, wave, RATE, subtype, order, form)
        elif not path.exists():
            soundfile.write(root / "source.wav", wave, RATE)
            command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(root / "source.wav")]
            subprocess.run([*command, *MADE[kind], str(path)], check=True)
        return path.read_bytes()

    return make


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def seconds(path: Path, **how: str) -> float:
    wave, rate = audio.read(path, **how)  # type: ignore[arg-type]
    return len(wave) / rate


def refused(path: Path, message: str = "") -> None:
    with pytest.raises(AudioError, match=f"^{path}: [^\n]*{message}[^\n]*$"):
        audio.read(path)


# joined


@pytest.mark.parametrize("kind", KINDS)
def test_joined_recordings_are_all_read(kind: str, made, tmp_path: Path) -> None:
    data = made(kind)
    one = seconds(put(tmp_path / "one", data))
    assert seconds(put(tmp_path / "three", data * 3)) == pytest.approx(3 * one, abs=1e-3)


@pytest.mark.parametrize("between", [b"", bytes(1000), b"TAG" + bytes(125)])
def test_joined_recordings_of_many_formats_and_rates(between, made, wave, tmp_path) -> None:
    soundfile.write(tmp_path / "8k.wav", wave[::2], RATE // 2)
    low = (tmp_path / "8k.wav").read_bytes()
    kinds = ("wav", "vorbis", "aiff", "mp3", "flac")
    data = between.join([made("w64"), low, *map(made, kinds)])
    assert seconds(put(tmp_path / "x", data)) == pytest.approx(7 * SAMPLES / RATE, abs=1e-3)


def test_joined_samples_are_those_of_the_parts(made, tmp_path: Path) -> None:
    for kind in ("wav", "flac", "vorbis", "opus", "caf"):
        whole, _ = audio.read(put(tmp_path / "one", made(kind)))
        twice, _ = audio.read(put(tmp_path / "two", made(kind) * 2))
        np.testing.assert_array_equal(twice, np.tile(whole, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_left_over_is_an_error(kind: str, made, tmp_path: Path) -> None:
    junk = b"\x07" + np.random.default_rng(1).bytes(3000) + b"\x07"
    refused(put(tmp_path / "x", made(kind) + junk))


@pytest.mark.parametrize("kind", ["wav", "w64", "flac", "vorbis", "mp3"])
def test_joined_lengths_are_told_before_training(kind: str, made, tmp_path: Path) -> None:
    path = str(put(tmp_path / "two", made(kind) * 2))
    assert Recording(File(path)).measure().frames == 2 * SAMPLES
    part = audio_files.read(path, RATE, SAMPLES - 100, SAMPLES + 100)
    whole = audio.to_pcm(audio.read(path)[0])
    np.testing.assert_array_equal(part, whole[SAMPLES - 100 : SAMPLES + 100])


# cut


@pytest.mark.parametrize("part", [0.503, 0.907, -2])
@pytest.mark.parametrize("kind", KINDS)
def test_cut_files_are_refused(kind: str, part: float, made, tmp_path: Path) -> None:
    data = made(kind)
    size = len(data) + part if part < 0 else len(data) * part
    refused(put(tmp_path / "x", data[: int(size)]))


@pytest.mark.parametrize("kind", ["wav", "w64", "aifc", "flac", "opus", "mp3"])
def test_what_is_kept_of_a_cut_file_is_said(kind: str, made, tmp_path: Path, caplog) -> None:
    path = put(tmp_path / "x", made(kind)[: len(made(kind)) * 7 // 10])
    with caplog.at_level(logging.WARNING):
        kept = seconds(path, truncated="keep")
    assert 0.2 * SAMPLES / RATE < kept < 0.95 * SAMPLES / RATE
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{path}: ") and line.endswith(f"kept {kept:.3f} s")
    whole = seconds(put(path, made(kind)), truncated="keep")
    assert whole == SAMPLES / RATE and len(caplog.records) == 1


def test_truncated_takes_two_words(made, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="refuse or keep"):
        audio.stream(put(tmp_path / "x", made("wav")), truncated="yes")


@pytest.mark.parametrize("size", [3_000_000_000, SAMPLES * 2 + 2, 200])
def test_a_wav_that_announces_another_size(size: int, made, tmp_path: Path) -> None:
    data = made("wav")
    refused(put(tmp_path / "x", data[:40] + struct.pack("<I", size) + data[44:]))


@pytest.mark.parametrize(("frames", "says"), [(100, "more follow"), (2**36 - 1, "cut short")])
def test_a_flac_that_announces_another_length(frames: int, says: str, made, tmp_path) -> None:
    data = bytearray(made("flac"))
    data[21] = data[21] & 0xF0 | frames >> 32
    data[22:26] = (frames & 0xFFFF_FFFF).to_bytes(4, "big")
    path = put(tmp_path / "x", bytes(data))
    refused(path, says)
    with open(path, "rb") as file:
        assert audio_files.header(file) is None  # it is not believed, and counts for nothing


def test_a_sphere_file_that_announces_another_length(made, tmp_path: Path) -> None:
    data = made("nist")
    line = f"sample_count -i {SAMPLES}".encode()
    assert line in data
    refused(put(tmp_path / "x", data.replace(line, b"sample_count -i 100  ")), "no audio")
    refused(put(tmp_path / "y", data.replace(line, b"sample_count -i 99999")), "cut short")


def _pages(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        size = 27 + data[at + 26] + sum(data[at + 27 : at + 27 + data[at + 26]])
        found.append(data[at : at + size])
        at += size
    return found


def test_pages_of_ogg_that_are_missing_or_damaged(made, wave, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long", np.tile(wave, 4), RATE, format="OGG", subtype="OPUS")
    pages = _pages((tmp_path / "long").read_bytes())
    assert all(int.from_bytes(page[22:26], "little") == checksum(page) for page in pages)
    assert len(pages) > 5
    refused(put(tmp_path / "end", b"".join(pages[:-1])), "cut short")
    refused(put(tmp_path / "gap", b"".join(pages[:3] + pages[4:])), "missing")
    flipped = bytearray(b"".join(pages))
    flipped[-200] ^= 1
    refused(put(tmp_path / "flip", bytes(flipped)), "checksum")


def test_opus_of_unknown_rate_is_full_band(made, tmp_path: Path) -> None:
    first, *rest = _pages(made("opus"))
    changed = bytearray(first)
    changed[28 + 12 : 28 + 16] = bytes(4)
    changed[22:26] = checksum(bytes(changed)).to_bytes(4, "little")
    wave, rate = audio.read(put(tmp_path / "x", bytes(changed) + b"".join(rest)))
    assert (rate, len(wave)) == (48_000, 3 * SAMPLES)


# whole, though they may not look so


@pytest.mark.parametrize(
    "announced", [0, 0xFFFF_FFFF, 0xFFFF_FFFF - 36, 2**31, 2**31 - 1, 0x7FFF_F000]
)
@pytest.mark.parametrize("kind", ["wav", "float"])
def test_a_wav_of_unknown_length(announced: int, kind: str, made, tmp_path: Path) -> None:
    data = made(kind)
    at = data.index(b"data") + 4
    piped = data[:4] + bytes(4) + data[8:at] + struct.pack("<I", announced) + data[at + 4 :]
    assert seconds(put(tmp_path / "x", piped)) == SAMPLES / RATE
    assert Recording(File(str(tmp_path / "x"))).measure().frames == SAMPLES
    assert seconds(put(tmp_path / "x", piped * 2)) == 2 * SAMPLES / RATE


def test_au_and_aiff_and_caf_of_unknown_length(made, tmp_path: Path) -> None:
    au, caf = made("au"), made("caf")
    at = caf.index(b"data") + 4
    for data in (
        au[:8] + b"\xff" * 4 + au[12:],
        caf[:at] + b"\xff" * 8 + caf[at + 8 :],
    ):
        assert seconds(put(tmp_path / "x", data)) == SAMPLES / RATE
    aiff = bytearray(made("aiff"))
    comm, ssnd = aiff.index(b"COMM"), aiff.index(b"SSND")
    for frames, size in ((0x7F00_0000 // 2, 0x7F00_0008), (0, 0)):  # of sox, and of ffmpeg
        aiff[comm + 10 : comm + 14] = struct.pack(">I", frames)
        aiff[ssnd + 4 : ssnd + 8] = struct.pack(">I", size)
        assert seconds(put(tmp_path / "x", bytes(aiff))) == SAMPLES / RATE


def test_a_wav_without_samples_is_empty(made, tmp_path: Path) -> None:
    head = made("wav")[:40] + bytes(4)
    for rest in (b"", b"LIST\4\0\0\0INFO"):
        with pytest.raises(AudioError, match="empty"):
            audio.read(put(tmp_path / "x", head + rest))


@pytest.mark.parametrize(
    "chunk",
    [
        b"LIST\4\0\0\0INFO",
        b"junk\5\0\0\0abcde\0",
        b"junk\5\0\0\0abcde",
        b"junk\5\0\0\0abcdejunk\2\0\0\0ab",
        b"id3 \x0a\0\0\0ID3\3\0\0\0\0\0\0",
        b"Zzz1\2\0\0\0ab",
        bytes(500),
    ],
)
def test_chunks_and_padding_around_samples(chunk: bytes, made, tmp_path: Path) -> None:
    data = made("wav")
    assert seconds(put(tmp_path / "x", data + chunk)) == SAMPLES / RATE
    if chunk[0]:
        assert seconds(put(tmp_path / "x", data[:12] + chunk + data[12:])) == SAMPLES / RATE


APE = b"APETAGEX" + struct.pack("<4I", 2000, 62, 1, 0) + bytes(8)


@pytest.mark.parametrize(
    "behind",
    [
        b"TAG" + b"x" * 125,
        bytes(4000),
        b"item" * 7 + b"it" + APE,
        b"item" * 7 + b"it" + APE + b"TAG" + b"x" * 125,
        b"LYRICSBEGINabc000014LYRICS200",
    ],
)
@pytest.mark.parametrize("kind", ["mp3", pytest.param("bare.mp3", marks=needs_ffmpeg), "flac"])
def test_tags_behind_the_audio(kind: str, behind: bytes, made, tmp_path: Path) -> None:
    one = seconds(put(tmp_path / "x", made(kind)))
    assert seconds(put(tmp_path / "x", made(kind) + behind)) == one
    tag = b"ID3\4\0\0\0\0\1\5" + bytes(133)
    assert seconds(put(tmp_path / "x", tag + made(kind))) == one


@needs_ffmpeg
@pytest.mark.parametrize("form", ["wav", "aiff", "au", "w64", "caf", "flac", "ogg", "webm", "asf"])
def test_what_ffmpeg_writes_to_a_pipe(form: str, made, tmp_path: Path) -> None:
    source = put(tmp_path / "source.wav", made("wav"))
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(source), "-f", form, "-"]
    data = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    one = seconds(put(tmp_path / "x", data))
    assert one == pytest.approx(SAMPLES / RATE, abs=0.05)
    assert seconds(put(tmp_path / "x", data * 2)) == pytest.approx(2 * one, abs=1e-3)


@pytest.mark.skipif(not shutil.which("sox"), reason="sox is not installed")
@pytest.mark.parametrize("form", ["wav", "aiff", "aifc", "au"])
def test_what_sox_writes_to_a_pipe(form: str, made, tmp_path: Path) -> None:
    source = put(tmp_path / "source.wav", made("wav"))
    command = ["sox", str(source), "-t", form, "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    assert seconds(put(tmp_path / "x", done.stdout)) == SAMPLES / RATE


@needs_ffmpeg
def test_ffmpeg_decides_where_libsndfile_gives_up(made, wave, tmp_path, monkeypatch) -> None:
    path = put(tmp_path / "x", made("opus"))
    whole, _ = audio.read(path)

    def fail(*_: object, **__: object) -> None:
        raise soundfile.LibsndfileError(1)

    monkeypatch.setattr(audio.sndfile.SoundFile, "read", fail)
    again, _ = audio.read(path)
    assert abs(len(again) - len(whole)) < 50
    refused(put(path, made("flac")[:8000]))


# what must not be opened


def _playlists(other: Path) -> list[bytes]:
    return [
        f"#EXTM3U\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n".encode(),
        f"ffconcat version 1.0\nfile '{other}'\n".encode(),
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        f'<?xml version="1.0"?><MPD><BaseURL>{other}</BaseURL></MPD>'.encode(),
        f"[playlist]\nFile1={other}\n".encode(),
        f"RTSPtext\r\nrtsp://127.0.0.1/{other}".encode(),
    ]


@needs_ffmpeg
@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("name", ["a.wav", "a.m4a", "a.m3u8", "a%03d.mp3"])
def test_no_file_makes_us_read_another(number: int, name: str, made, tmp_path: Path) -> None:
    other = put(tmp_path / "other.wav", made("wav"))
    path = put(tmp_path / name, _playlists(other)[number])
    with pytest.raises(AudioError, match="no audio of a format that is read"):
        audio.read(path)


# size


def test_many_channels_take_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros((100_000, 32), np.int16), 768_000, "PCM_16")
    _, blocks = audio.stream(path)
    sizes = [len(block) for block in blocks]
    assert sum(sizes) == 100_000 and max(sizes) * 32 <= 1 << 20


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF])
def test_a_wav_of_zeros_without_end_comes_in_blocks(size: int, made, tmp_path: Path) -> None:
    path = tmp_path / "x"
    data = made("wav")
    with open(path, "wb") as file:
        file.write(data[:40] + struct.pack("<I", size) + data[44:])
        file.truncate(4 << 30)  # takes no place on the disk
    _, blocks = audio.stream(path, 1.0)
    assert [len(block) for block, _ in zip(blocks, range(3), strict=False)] == [RATE] * 3
    blocks.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "head",
    [
        b"fLaC\0\0\0\x22",
        b"RIFF\0\0\0\0WAVE",
        b"FORM\0\0\0\0AIFF",
        b"caff\0\1\0\0",
        b"#!AMR\n",
        b"\x1a\x45\xdf\xa3",
        bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\xff" * 8,
        b"ID3\4\0\0\0\0\0\1",
    ],
)
def test_a_head_before_zeros_without_end_is_refused_at_once(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(16 << 30)
    refused(path)


def test_amr_ends_where_no_frame_follows(tmp_path: Path) -> None:
    frames = (bytes([4]) + bytes(12)) * 50  # of 20 ms
    one = b"#!AMR\n" + frames
    path = tmp_path / "x"
    found = [audio.containers.parts(Source(io.BytesIO(data))) for data in (one, one * 2)]
    assert [len(parts) for parts in found] == [1, 2]
    assert [part.fault for parts in found for part in parts] == [""] * 3
    refused(put(path, one[:-1]), "" if shutil.which("ffmpeg") is None else "cut short")
    refused(put(path, one + b"junk"))


@pytest.mark.parametrize(
    ("kind", "chunk"),
    [("wav", b"data"), ("wav", b"fmt "), ("wavex", b"data"), ("w64", b"data"), ("w64", b"fmt ")]
    + [("aiff", b"SSND"), ("aifc", b"COMM"), ("caf", b"data"), ("caf", b"desc")],
)
def test_a_second_chunk_of_samples_is_not_passed_over(kind, chunk, made, tmp_path: Path) -> None:
    data = made(kind)
    data += bytes(-len(data) % 8)
    refused(put(tmp_path / "x", data + data[data.index(chunk) :]), "are no audio")


@pytest.mark.parametrize("place", [0.1, 0.4, 0.8])
def test_damage_in_a_frame_of_flac_is_seen(place: float, made, tmp_path: Path) -> None:
    """By its checksum, by whatever program it is read."""
    data = bytearray(made("flac"))
    data[int(place * len(data))] ^= 4
    refused(put(tmp_path / "x", bytes(data)))


@pytest.mark.parametrize("offset", [10**6, 2**31, 2**32 - 1])
def test_an_aiff_whose_samples_begin_behind_its_end(offset: int, made, tmp_path: Path) -> None:
    data = bytearray(made("aiff"))
    start = data.index(b"SSND") + 8
    data[start : start + 4] = struct.pack(">I", offset)
    refused(put(tmp_path / "x", bytes(data)), "cut short")


@pytest.mark.parametrize("length", [0, 3, 7])
def test_an_aiff_whose_samples_are_fewer_than_none(length: int, made, tmp_path: Path) -> None:
    data = made("aiff")
    head = data[: data.index(b"SSND") + 4]
    refused(put(tmp_path / "x", head + struct.pack(">I", length) + bytes(20)))


@pytest.mark.parametrize("size", [2**62, 0x6666_6972_0000_2598, 2**40])
def test_a_w64_that_announces_more_than_there_can_be(size: int, made, tmp_path: Path) -> None:
    data = bytearray(made("w64"))
    data[96:104] = struct.pack("<Q", size)
    refused(put(tmp_path / "x", bytes(data)), "cut short")


@pytest.mark.parametrize("kind", ["wav", "wavex", "w64", "aiff", "au", "caf", "nist", "flac"])
def test_padding_does_not_count_for_training(kind: str, made, tmp_path: Path) -> None:
    path = put(tmp_path / "x", made(kind) + bytes(200))
    assert Recording(File(str(path))).measure().frames == SAMPLES == len(audio.read(path)[0])


@pytest.mark.parametrize("frames", [1, 2])
def test_frames_of_mp3_that_became_zeros_are_missed(frames: int, made, tmp_path: Path) -> None:
    data = made("mp3")
    starts = [at for at in range(len(data)) if data.startswith(data[:2], at)]
    last = starts[-frames]
    refused(put(tmp_path / "x", data[:last] + bytes(len(data) - last)), "cut short")


@pytest.mark.parametrize("behind", [b"Junk\x7f\xff\xff\xff" * 9, b'{"a":{"a":{"a":' * 99])
@pytest.mark.parametrize("kind", ["wav", "aiff", "caf", "w64"])
def test_text_behind_samples_is_no_chunk(kind: str, behind: bytes, made, tmp_path: Path) -> None:
    refused(put(tmp_path / "x", made(kind) + behind), "are no audio")
