"""Tests of the token file."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import struct
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_entropy import make_prior

from audiotok_jax import entropy, tokenfile
from audiotok_jax.entropy import UnknownPriorError
from audiotok_jax.tokenfile import OtherModelError, TokenFile, TokenFileError

MODEL = "0123456789abcdef"
HEADER = struct.Struct("<8sBB8sIIQQ")


def make(count: int = 50, bits: int = 16, hop: int = 320, seed: int = 0) -> TokenFile:
    """Returns a token file of `count` random tokens."""
    tokens = np.random.default_rng(seed).integers(0, 2**bits, count, np.uint16)
    return TokenFile(tokens, MODEL, 16_000, hop, count * hop - hop // 2, bits)


def assert_same(a: TokenFile, b: TokenFile) -> None:
    """Fails unless all fields agree."""
    for field in dataclasses.fields(TokenFile):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))
    assert a.tokens.dtype == b.tokens.dtype == np.uint16


def forge(payload: bytes = b"\0\0", **changes: object) -> bytes:
    """Returns a file of one token with changed header fields and a right checksum."""
    fields = {
        "magic": tokenfile.MAGIC,
        "version": 1,
        "bits": 16,
        "model_id": bytes.fromhex(MODEL),
        "sample_rate": 16_000,
        "hop_length": 320,
        "num_samples": 320,
        "num_tokens": 1,
    }
    body = HEADER.pack(*(fields | changes).values()) + payload
    return body + struct.pack("<I", zlib.crc32(body))


@given(st.integers(1, 16), st.data())
def test_pack_round_trip(bits: int, data: st.DataObject) -> None:
    tokens = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=70))
    payload = tokenfile.pack(np.array(tokens, np.int64), bits)
    assert len(payload) == (len(tokens) * bits + 7) // 8
    digits = "".join(f"{token:0{bits}b}" for token in tokens)
    digits += "0" * (-len(digits) % 8)
    assert payload == bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits), 8))
    back = tokenfile.unpack(payload, bits, len(tokens))
    assert back.dtype == np.uint16
    assert back.tolist() == tokens


@given(
    bits=st.integers(1, 16),
    count=st.integers(1, 300),
    hop=st.integers(1, 2000),
    seed=st.integers(0, 9),
)
def test_file_round_trip(bits: int, count: int, hop: int, seed: int) -> None:
    token_file = make(count, bits, hop, seed)
    assert_same(tokenfile.loads(tokenfile.dumps(token_file)), token_file)


def test_layout() -> None:
    token_file = TokenFile(np.array([0xABC, 0x123, 0xFFF]), MODEL, 24_000, 480, 1_200, 12)
    expected = bytes.fromhex(
        "8941544f4b0d0a1a 01 0c 0123456789abcdef c05d0000 e0010000 b004000000000000"
        "0300000000000000 abc123fff0"
    )
    expected += zlib.crc32(expected).to_bytes(4, "little")
    assert tokenfile.dumps(token_file) == expected
    assert_same(tokenfile.loads(expected), token_file)


def test_properties() -> None:
    token_file = TokenFile(np.zeros(2, np.uint16), MODEL, 16_000, 400, 500, 16)
    assert (token_file.frame_rate, token_file.bitrate) == (40.0, 640.0)
    assert token_file.duration == 500 / 16_000


def test_tokens_are_a_frozen_copy() -> None:
    tokens = np.zeros(3, np.uint16)
    token_file = TokenFile(tokens, MODEL, 16_000, 320, 960)
    tokens[0] = 7
    assert token_file.tokens[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        token_file.tokens[0] = 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": np.zeros(2)}, "must be integers"),
        ({"tokens": np.zeros((2, 1), int)}, "must be integers of shape"),
        ({"tokens": np.array([True, False])}, "must be integers"),
        ({"tokens": np.array([0, 1024])}, "0..1023, not 0..1024"),
        ({"tokens": np.array([-1, 0])}, "not -1..0"),
        ({"tokens": np.zeros(3, int)}, "make 2 tokens"),
        ({"tokens": np.zeros(0, int), "num_samples": 0}, "num_samples must lie in"),
        ({"model_id": "0123456789ABCDEF"}, "hexadecimal"),
        ({"model_id": "0123"}, "hexadecimal"),
        ({"model_id": MODEL + "\n"}, "hexadecimal"),
        ({"model_id": bytes(8)}, "hexadecimal"),
        ({"sample_rate": 0}, "sample_rate must lie in"),
        ({"sample_rate": 2**32}, "sample_rate must lie in"),
        ({"sample_rate": 16_000.0}, "sample_rate must be an integer"),
        ({"hop_length": 0}, "hop_length must lie in"),
        ({"num_samples": 2**64}, "num_samples must lie in"),
        ({"bits": 0}, "bits must lie in 1..16"),
        ({"bits": 17}, "bits must lie in 1..16"),
    ],
)
def test_bad_fields(changes: dict[str, object], message: str) -> None:
    good = {
        "tokens": np.array([0, 1]),
        "model_id": MODEL,
        "sample_rate": 16_000,
        "hop_length": 320,
        "num_samples": 640,
        "bits": 10,
    }
    TokenFile(**good)  # type: ignore[arg-type]
    with pytest.raises(TokenFileError, match=message):
        TokenFile(**(good | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a token file"),
        (b"RIFF", "not a token file"),
        (bytes(100), "not a token file"),
        (forge(magic=b"\x89ATOK\n\x1a\0"), "not a token file"),
        (forge()[:4], "cut short: the header"),
        (forge()[:41], "cut short: the header"),
        (forge()[:42], "cut short: its header announces 48 bytes, it has 42"),
        (forge()[:-1], "cut short: its header announces 48 bytes, it has 47"),
        (forge() + b"\0", "too long"),
        (forge(version=3), "version 3"),
        (forge(bits=0), "bits must lie"),
        (forge(bits=17), "bits must lie"),
        (forge(hop_length=0), "hop_length must lie"),
        (forge(sample_rate=0), "sample_rate must lie"),
        (forge(b"", num_samples=0, num_tokens=0), "at least 1"),
        (forge(num_tokens=2), "make 1 tokens"),
        (forge(num_tokens=2**60), "make 1 tokens"),
        (forge(num_tokens=2**60, hop_length=1, num_samples=2**60), "cut short"),
        (forge(b"\x81", bits=1), "after the last token"),
        (forge()[:-1] + b"\xff", "checksum"),
    ],
)
def test_bad_bytes(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.atok"
    path.write_bytes(data)
    with pytest.raises(TokenFileError, match=message):
        tokenfile.loads(data)
    with pytest.raises(TokenFileError, match=f"^{re.escape(str(path))}: .*{message}"):
        tokenfile.read(path)
    with pytest.raises(TokenFileError, match=message.split(" bytes")[0]):
        tokenfile.read(io.BytesIO(data))


@pytest.mark.parametrize(
    ("payload", "bits", "count", "message"),
    [
        (b"\0\0", 16, 2, "take 4 bytes, but there are 2"),
        (b"\0\0\0", 8, 2, "take 2 bytes, but there are 3"),
        (b"", 8, -1, "bytes, but there are 0"),
        (b"\x01", 7, 1, "after the last token"),
        (b"", 17, 0, "bits must lie"),
    ],
)
def test_bad_payload(payload: bytes, bits: int, count: int, message: str) -> None:
    with pytest.raises(TokenFileError, match=message):
        tokenfile.unpack(payload, bits, count)


def corrupted(rng: np.random.Generator, data: bytes) -> bytes:
    """Returns `data` with one random damage of a random kind."""
    kind = rng.integers(5)
    start = int(rng.integers(len(data)))
    if kind == 0:
        flipped = bytearray(data)
        flipped[start] ^= 1 << int(rng.integers(8))
        return bytes(flipped)
    if kind == 1:
        return data[:start]
    if kind == 2:
        return data[:start] + rng.bytes(int(rng.integers(1, 20))) + data[start:]
    if kind == 3:
        size = min(int(rng.integers(1, 30)), len(data) - start)
        return data[:start] + bytes(size) + data[start + size :]
    fields = [*HEADER.unpack(data[: HEADER.size])]
    which, width = [(1, 8), (2, 8), (4, 32), (5, 32), (6, 64), (7, 64)][int(rng.integers(6))]
    fields[which] = int.from_bytes(rng.bytes(width // 8), "little")
    body = HEADER.pack(*fields) + data[HEADER.size : -4]
    return body + struct.pack("<I", zlib.crc32(body))  # a right checksum, the worst case


def test_corruption_is_an_error_or_harmless(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "x.atok"
    refused = 0
    tracemalloc.start()
    try:
        for _ in range(1000):
            good = make(int(rng.integers(1, 200)), int(rng.integers(1, 17)))
            bad = corrupted(rng, tokenfile.dumps(good))
            path.write_bytes(bad)
            results: list[TokenFile | None] = []
            for source in (path, io.BytesIO(bad)):
                try:
                    results.append(tokenfile.read(source))
                except TokenFileError:
                    results.append(None)
            first, second = results
            assert (first is None) == (second is None)
            refused += first is None
            if first is not None:
                np.testing.assert_array_equal(first.tokens, good.tokens)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20e6
    assert refused > 800  # the others changed nothing, or only what stands for itself


@pytest.mark.parametrize(
    "head",
    [
        bytes(42),
        forge(num_tokens=2)[:42],
        forge(num_tokens=2**60, hop_length=1, num_samples=2**60)[:42],
    ],
)
def test_huge_file_is_refused_unread(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "huge.atok"
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(10 * 2**30)
    tracemalloc.start()
    try:
        with pytest.raises(TokenFileError):
            tokenfile.read(path)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def forge_compact(blocks: bytes, count: int, prior: str) -> bytes:
    """A compact file whose header is consistent, whatever it announces."""
    header = HEADER.pack(
        tokenfile.MAGIC, 2, 16, bytes.fromhex(MODEL), 16_000, 1, count, count
    ) + bytes.fromhex(prior)
    return header + struct.pack("<I", zlib.crc32(header)) + blocks


@pytest.mark.parametrize("count", [2**40, 2**62, 2**27, 2**20])
@pytest.mark.parametrize("read", [tokenfile.read, tokenfile.recover])
def test_small_compact_file_that_announces_much(
    read: Callable[..., object], count: int, coder: entropy.Coder, tmp_path: Path
) -> None:
    """154 bytes that announced 2**40 tokens were looked at for hours."""
    path = tmp_path / "bad.atok"
    path.write_bytes(forge_compact(bytes(range(100)), count, coder.prior.id))
    tracemalloc.start()
    try:
        with pytest.raises(TokenFileError, match="blocks are lost|at most .* are read"):
            read(path, find=lambda _: coder)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("read", [tokenfile.read, tokenfile.recover])
@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize(
    "head",
    [
        forge(b"", num_tokens=10 * 2**30 - 23, hop_length=1, num_samples=10 * 2**30 - 23),
        forge_compact(b"", 2**40, "00" * 8),
        forge_compact(b"", 2**26, "00" * 8),
        forge_compact(b"", 100, "00" * 8),
    ],
)
def test_sparse_file_is_refused_unread(
    read: Callable[..., object], opened: bool, head: bytes, tmp_path: Path
) -> None:
    """Also where its header says so much, and it holds so much."""
    path = tmp_path / "sparse.atok"
    with open(path, "wb") as file:
        file.write(head[:54])
        file.truncate(20 * 2**30)
    tracemalloc.start()
    try:
        with open(path, "rb") as file, pytest.raises(TokenFileError, match="too long|at most"):
            read(file if opened else path)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


def test_more_tokens_than_are_read_are_not_written() -> None:
    tokens = np.broadcast_to(np.uint16(0), tokenfile.MOST_BYTES // 2 + 1)
    many = make(1)
    object.__setattr__(many, "tokens", tokens)
    with pytest.raises(TokenFileError, match="at most 268435456 are read"):
        tokenfile.dumps(many)


@pytest.mark.parametrize("count", [2**16 - 1, 2**16, 2**16 + 1, 2**17 + 9])
@pytest.mark.parametrize("bits", [1, 7, 13, 16])
def test_many_tokens_are_packed_in_parts(count: int, bits: int) -> None:
    tokens = np.random.default_rng(count).integers(0, 2**bits, count)
    payload = tokenfile.pack(tokens, bits)
    digits = (tokens[:, None] >> np.arange(bits)[::-1]) & 1
    assert payload == np.packbits(digits.astype(np.uint8)).tobytes()
    np.testing.assert_array_equal(tokenfile.unpack(payload, bits, count), tokens)


@pytest.mark.parametrize("field", ["sample_rate", "hop_length", "num_samples", "bits"])
@pytest.mark.parametrize("value", [True, "1", 1.0, None, float("nan"), [1]])
def test_a_number_is_an_integer(field: str, value: object) -> None:
    good = {"tokens": [1], "model_id": MODEL, "sample_rate": 1, "hop_length": 1, "num_samples": 1}
    with pytest.raises(TokenFileError, match=f"{field} must be an integer"):
        TokenFile(**(good | {field: value}))  # type: ignore[arg-type]


def test_stream_is_read_no_further_than_needed() -> None:
    class Endless(io.RawIOBase):
        """Gives a good file, then zeros without end, one byte at a time."""

        given = 0

        def read(self, size: int = -1) -> bytes:
            data = forge()
            self.given += 1
            return data[self.given - 1 : self.given] if self.given <= len(data) else b"\0"

    source = Endless()
    with pytest.raises(TokenFileError, match="too long"):
        tokenfile.read(source)  # type: ignore[arg-type]
    assert source.given == len(forge()) + 1


@contextmanager
def piped(data: bytes) -> Iterator[BinaryIO]:
    """Gives the end of a pipe to read from that `data` is written into."""
    reading, writing = os.pipe()

    def feed() -> None:
        with open(writing, "wb") as sink:
            sink.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    with open(reading, "rb") as source:
        yield source
    thread.join()


def test_read_from_pipe() -> None:
    token_file = make(50_000)
    with piped(tokenfile.dumps(token_file)) as source:
        assert_same(tokenfile.read(source), token_file)


def test_pipe_that_announces_too_much() -> None:
    data = forge(num_tokens=2**60, hop_length=1, num_samples=2**60)
    with piped(data) as source, pytest.raises(TokenFileError, match="cut short"):
        tokenfile.read(source)


def test_other_model(tmp_path: Path) -> None:
    path = tmp_path / "x.atok"
    tokenfile.write(path, make())
    assert_same(tokenfile.read(path, MODEL), make())
    with pytest.raises(OtherModelError, match=f"{MODEL}.*fedcba9876543210"):
        tokenfile.read(path, "fedcba9876543210")


def test_disk_errors_stay_os_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tokenfile.read(tmp_path / "none.atok")
    with pytest.raises(IsADirectoryError):
        tokenfile.read(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        tokenfile.write(tmp_path / "none" / "x.atok", make())
    with pytest.raises(FileExistsError, match="no regular file"):
        tokenfile.write(tmp_path, make())
    with pytest.raises(FileExistsError, match="no regular file"):
        tokenfile.write(os.devnull, make())
    assert not list(tmp_path.iterdir())


def test_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.atok"
    tokenfile.write(path, make(seed=1))

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        tokenfile.write(path, make(seed=2))
    assert list(tmp_path.iterdir()) == [path]
    assert_same(tokenfile.read(path), make(seed=1))


@pytest.fixture(scope="module")
def coder() -> entropy.Coder:
    return entropy.Coder(make_prior(model_id=MODEL))


def find_in(coder: entropy.Coder) -> tokenfile.Coders:
    """What finds a coder, as `entropy.find` does."""

    def find(prior_id: str) -> entropy.Coder:
        if prior_id != coder.prior.id:
            raise UnknownPriorError("unknown prior")
        return coder

    return find


@given(count=st.integers(1, 130), seed=st.integers(0, 9))
def test_compact_round_trip(coder: entropy.Coder, count: int, seed: int) -> None:
    token_file = make(count, seed=seed)
    data = tokenfile.dumps(token_file, coder)
    assert tokenfile.num_tokens(data) == count
    assert_same(tokenfile.loads(data, find_in(coder)), token_file)


def test_compact_layout(coder: entropy.Coder) -> None:
    token_file = make(50)
    header = tokenfile.dumps(token_file)[:42]
    header = header[:8] + b"\x02" + header[9:] + bytes.fromhex(coder.prior.id)
    expected = header + struct.pack("<I", zlib.crc32(header)) + coder.encode(token_file.tokens)
    assert tokenfile.dumps(token_file, coder) == expected


def test_compact_file_with_damage(coder: entropy.Coder, tmp_path: Path) -> None:
    path = tmp_path / "x.atok"
    token_file = make(100)
    tokenfile.write(path, token_file, coder)
    whole = path.read_bytes()
    find = find_in(coder)
    assert_same(tokenfile.recover(path, find=find)[0], token_file)
    path.write_bytes(whole[:-1])
    with pytest.raises(TokenFileError, match=r"x.atok: damaged: tokens 80 to 99 of 100 are lost"):
        tokenfile.read(path, find=find)
    found, lost = tokenfile.recover(path, find=find)
    assert lost == [range(80, 100)]
    np.testing.assert_array_equal(found.tokens[:80], token_file.tokens[:80])
    assert not found.tokens[80:].any()
    assert found.num_samples == token_file.num_samples


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:50], "cut short: the header"),
        (lambda data: data[:54], "blocks are lost"),
        (lambda data: data[:43] + b"\0" + data[44:], "checksum of the header"),
        (lambda data: data[:53] + bytes([data[53] ^ 1]) + data[54:], "checksum of the header"),
        (lambda data: data + b"\0", "belong to no token"),
    ],
)
def test_bad_compact_bytes(
    coder: entropy.Coder, change: Callable[[bytes], bytes], message: str
) -> None:
    data = change(tokenfile.dumps(make(50), coder))
    with pytest.raises(TokenFileError, match=message):
        tokenfile.loads(data, find_in(coder))


def test_compact_with_another_prior(coder: entropy.Coder, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not know the tokens"):
        tokenfile.dumps(dataclasses.replace(make(), model_id="f" * 16), coder)
    path = tmp_path / "x.atok"
    tokenfile.write(path, make(), coder)
    with pytest.raises(UnknownPriorError, match=f"x.atok: .* by prior {coder.prior.id}, which no"):
        tokenfile.read(path)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    for junk in (data, tokenfile.MAGIC + data, tokenfile.MAGIC + b"\x02" + data):
        with pytest.raises(TokenFileError):
            tokenfile.loads(junk)
