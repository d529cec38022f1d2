"""`audiotok live`: raw samples and tokens by standard input and output."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audiotok_jax import AudioTokenizer, cli
from audiotok_jax.audio import to_pcm
from audiotok_jax.audio.resampling import delay

SAMPLES = 7_003


@pytest.fixture(scope="module")
def pcm(speech) -> np.ndarray:
    return to_pcm(speech(SAMPLES))


@pytest.fixture(scope="module")
def tokens(live: Path, pcm: np.ndarray) -> np.ndarray:
    return AudioTokenizer.from_pretrained(live).encode(pcm, 16_000)


class Pipe(io.RawIOBase):
    """Standard input that brings at most `size` bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._rest, self._size = data, size

    def readable(self) -> bool:
        return True

    def readinto(self, place) -> int:
        part = self._rest[: min(self._size, len(place))]
        self._rest = self._rest[len(part) :]
        place[: len(part)] = part
        return len(part)


@pytest.fixture
def coded(live, monkeypatch, capfdbinary):
    """Runs the command: its exit code, standard output and error."""

    def run(data: bytes, *arguments: str, size: int = 333) -> tuple[int, bytes, str]:
        pipe = io.TextIOWrapper(io.BufferedReader(Pipe(data, size)))
        monkeypatch.setattr(sys, "stdin", pipe)
        code = cli.main(["live", "--model", str(live), *arguments])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return run


@pytest.mark.parametrize("frames", ["1", "3"])
def test_tokens_of_a_pipe_are_those_of_the_file(coded, pcm, tokens, frames):
    code, out, err = coded(pcm.tobytes(), "--to", "tokens", "--frames", frames)
    assert code == 0, err
    np.testing.assert_array_equal(np.frombuffer(out, "<u2"), tokens)


def test_speech_of_tokens_is_that_of_both_at_once(coded, live, pcm, tokens):
    code, heard, err = coded(pcm.tobytes())
    assert code == 0, err
    assert coded(tokens.tobytes(), "--from", "tokens", size=7)[:2] == (0, heard)
    wave = AudioTokenizer.from_pretrained(live).decode(tokens)
    np.testing.assert_allclose(np.frombuffer(heard, "<i2") / 32768, wave, atol=3e-4)
    assert np.abs(wave).max() > 0.05


def test_the_delay_is_that_of_the_codec_and_of_what_is_added(coded, live, pcm):
    config = AudioTokenizer.from_pretrained(live).config
    own = 1000 * config.latency / config.sample_rate
    hop = 1000 * config.hop_length / config.sample_rate
    for arguments, added in {
        (): 0.0,
        ("--frames", "3"): 2 * hop,
        ("--rate", "48000"): 1000 * delay(48_000, 16_000),
    }.items():
        _, _, err = coded(pcm[:160].tobytes(), *arguments)
        assert f"a delay of {own + added:.1f} ms" in err
    assert 0.005 < delay(48_000, 16_000) < 0.1 and delay(16_000, 16_000) == 0


def test_channels_are_mixed_and_rates_are_converted(coded, live, pcm):
    both = np.stack([pcm, pcm[::-1]], axis=1)
    wanted = AudioTokenizer.from_pretrained(live).encode(both, 22_050)
    options = ("--channels", "2", "--rate", "22050", "--to", "tokens")
    code, out, err = coded(both.tobytes(), *options)
    assert code == 0, err
    np.testing.assert_array_equal(np.frombuffer(out, "<u2"), wanted)


def test_nothing_in_gives_nothing(coded):
    assert coded(b"")[:2] == (0, b"")


def test_input_that_ends_within_a_sample_is_told_after_what_it_gave(coded, pcm, tokens):
    code, out, err = coded(pcm.tobytes() + b"?", "--to", "tokens")
    np.testing.assert_array_equal(np.frombuffer(out, "<u2"), tokens)
    assert code == 1 and "ended within a sample of 2 bytes" in err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--from", "tokens", "--to", "tokens"), "there is nothing to do"),
        (("--from", "tokens", "--rate", "16000"), "tokens have no --rate"),
        (("--rate", "999"), "sample rate"),
        (("--channels", "33"), "33 channels, more than 32"),
    ],
)
def test_what_cannot_be(coded, pcm, arguments, why):
    code, out, err = coded(pcm.tobytes(), *arguments)
    assert (code, out) == (1, b"") and why in err
    assert "Traceback" not in err


def test_what_is_known_is_written_before_more_is_read(live, pcm, tokens):
    command = [sys.executable, "-m", "audiotok_jax", "live", "--model", live, "--to", "tokens"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        process.stdin.write(pcm[:1600].tobytes())
        process.stdin.flush()
        first = os.read(process.stdout.fileno(), 2)
        process.stdin.close()
        assert np.frombuffer(first, "<u2") == tokens[0]
        assert len(first + process.stdout.read()) == 2 * 8
