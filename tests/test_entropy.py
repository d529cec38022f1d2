"""Tests of the entropy coder."""

from __future__ import annotations

import dataclasses
import hashlib
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from audiotok_jax import AudioTokenizer, audio, entropy, pretrained
from audiotok_jax.entropy import Coder, DamagedError, Prior, UnknownPriorError, blocks, crc
from audiotok_jax.entropy import prior as prior_module

EXAMPLES = Path(__file__).parent.parent / "examples"


def make_prior(bits: int = 16, block: int = 40, model_id: str = "0123456789abcdef") -> Prior:
    """Networks of arbitrary integers, the same wherever and whenever they are made."""
    hidden, reach = 3, 2

    def integers(*shape: int, most: int) -> np.ndarray:
        return (np.arange(np.prod(shape)) * 7919 % (2 * most + 1) - most).reshape(shape)

    steps = prior_module.STEPS
    weights = integers(steps, (2 * reach + 1) * bits, bits, hidden, most=30).astype(np.int8)
    for bit in range(bits):
        weights[:, 2 * reach * bits + bit :, bit] = 0
    table = (np.arange(512) * 127 + 200).astype(np.uint16)
    return Prior(
        model_id,
        block,
        weights,
        integers(steps, bits, hidden, most=50).astype(np.int32),
        integers(steps, bits, hidden, most=900).astype(np.int32),
        integers(steps, bits, most=9).astype(np.int64),
        table,
    )


@pytest.fixture(scope="module")
def coder() -> Coder:
    return Coder(make_prior())


def make_tokens(count: int, bits: int = 16) -> np.ndarray:
    return (np.arange(count) * 40503 % 2**bits).astype(np.uint16)


@given(st.lists(st.integers(0, 2**16 - 1), max_size=130))
def test_round_trip(coder: Coder, tokens: list[int]) -> None:
    data = coder.encode(np.array(tokens, np.int64))
    found = coder.decode(data, len(tokens))
    assert found.dtype == np.uint16
    assert found.tolist() == tokens
    assert (len(data) == 0) == (not tokens)


def test_bytes_are_the_same_everywhere(coder: Coder) -> None:
    """Files written by any machine, Python and version of constriction must be read by all."""
    data = coder.encode(make_tokens(100))
    assert coder.prior.id == "6aebad79c0c8db68"
    assert data[:12].hex() == "5400828958de327404000830"
    assert (
        hashlib.sha256(data).hexdigest()
        == "b50bf208569aa2ec99548969743ae3209203182435f84875c50ae75e66e1315c"
    )


def test_blocks_stand_alone(coder: Coder) -> None:
    tokens = make_tokens(100)
    found, whole = blocks.split(coder.encode(tokens), 3)
    assert whole
    for number, start in enumerate((0, 40, 80)):
        alone, _ = blocks.split(coder.encode(tokens[start : start + 40]), 1)
        assert found[number] == alone[0]


def test_likely_tokens_take_few_bits() -> None:
    sure = make_prior()
    sure = dataclasses.replace(
        sure,
        heads=np.zeros_like(sure.heads),
        offsets=np.full_like(sure.offsets, -(2**40)),  # all bits are 0, says the prior
        table=np.linspace(1, 65535, 512).astype(np.uint16),
    )
    zeros, ones = np.zeros(400, np.uint16), np.full(400, 2**16 - 1, np.uint16)
    assert len(Coder(sure).encode(zeros)) <= 10 * (blocks.OVERHEAD + 4)
    assert len(Coder(sure).encode(ones)) > 400 * 16 * 15 / 8
    np.testing.assert_array_equal(Coder(sure).decode(Coder(sure).encode(ones), 400), ones)


def test_order_is_a_permutation_and_neighbours_are_known() -> None:
    for count in (1, 2, 15, 16, 17, 100):
        known: set[int] = set()
        for step, places in enumerate(prior_module.order(count)):
            if step:
                around = places[:, None] + prior_module.neighbours(step, 2)
                inside = around[(around >= 0) & (around < count)]
                assert set(inside.tolist()) <= known
            assert known.isdisjoint(places.tolist())
            known |= set(places.tolist())
        assert known == set(range(count))


def corrupt(data: bytes, rng: np.random.Generator) -> tuple[bytes, int, int]:
    """Damages bytes, and returns them with where the damage begins and ends in the original."""
    start = int(rng.integers(len(data)))
    stop = min(len(data), start + int(rng.integers(1, 20)))
    kind = rng.integers(5)
    if kind == 0:
        flipped = data[start] ^ (1 << int(rng.integers(8)))
        return data[:start] + bytes([flipped]) + data[start + 1 :], start, start + 1
    if kind == 1:
        other = bytes(byte ^ int(rng.integers(1, 256)) for byte in data[start:stop])
        return data[:start] + other + data[stop:], start, stop
    if kind == 2:
        return data[:start] + data[stop:], start, stop
    if kind == 3:
        return data[:start] + rng.bytes(stop - start) + data[start:], start, start + 1
    return data[:start], start, len(data)


def spans(data: bytes, count: int) -> list[tuple[int, int]]:
    """Where the blocks of undamaged bytes lie."""
    found, whole = blocks.split(data, count)
    assert whole
    ends = np.cumsum([len(found[number]) + blocks.OVERHEAD for number in range(count)])
    return list(zip([0, *ends[:-1]], ends, strict=True))


def touched(places: list[tuple[int, int]], start: int, stop: int) -> set[int]:
    return {n for n, (begin, end) in enumerate(places) if begin < stop and start < end}


def test_damage_is_confined_to_blocks() -> None:
    """10,000 times: no block but those that were hit is lost, and none comes back changed."""
    rng = np.random.default_rng(0)
    payloads = [rng.bytes(int(rng.integers(0, 60))) for _ in range(6)]
    data = blocks.join(payloads)
    places = spans(data, 6)
    for _ in range(10_000):
        damaged, start, stop = corrupt(data, rng)
        found, whole = blocks.split(damaged, 6)
        assert damaged == data or not whole
        assert all(payloads[number] == payload for number, payload in found.items())
        assert set(range(6)) - found.keys() <= touched(places, start, stop)


def test_blocks_are_found_in_time_that_is_linear_in_the_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No number is tried at a place: the checksum tells the only one that fits."""
    rng = np.random.default_rng(3)
    payloads = [rng.bytes(40) for _ in range(3000)]
    data = bytearray(blocks.join(payloads))
    harmed = {0, 5, 6, 1500, 2999}
    for number in harmed:
        data[46 * number + 20] ^= 1
    checks = []
    check = blocks._check
    monkeypatch.setattr(blocks, "_check", lambda *args: checks.append(args) or check(*args))
    found, whole = blocks.split(bytes(data), 3000)
    assert not whole
    assert found == {n: one for n, one in enumerate(payloads) if n not in harmed}
    assert len(checks) <= 3000 + len(harmed)


@pytest.mark.parametrize("junk", [0, 1, blocks.LONGEST, 2**15 - 3, 2**15 + 1, 150_000])
def test_blocks_behind_any_length_of_junk_are_found(junk: int) -> None:
    rng = np.random.default_rng(junk)
    payloads = [rng.bytes(size) for size in (0, 70, blocks.LONGEST, 3)]
    data = blocks.join(payloads)
    head = len(blocks.join(payloads[:1]))
    found, whole = blocks.split(data[:head] + rng.bytes(junk) + data[head:], 4)
    assert whole == (junk == 0)
    assert found == dict(enumerate(payloads))


def test_blocks_that_are_out_of_order_or_missing() -> None:
    payloads = [bytes([n]) * n for n in range(6)]
    ends = np.cumsum([0, *(len(one) + blocks.OVERHEAD for one in payloads)])
    data = blocks.join(payloads)
    pieces = [data[ends[n] : ends[n + 1]] for n in range(6)]
    assert blocks.split(b"".join(pieces[n] for n in (0, 3, 1, 4, 5)), 6)[0].keys() == {0, 3, 4, 5}
    assert blocks.split(b"".join(pieces), 4) == (dict(enumerate(payloads[:4])), False)


def test_crc_of_many_stretches_is_that_of_zlib() -> None:
    data = np.random.default_rng(0).integers(0, 256, 1000).astype(np.uint8)
    states = crc.states(data)
    for start, stop in ((0, 0), (0, 1000), (63, 65), (7, 900), (999, 1000)):
        begin = np.array([crc.START ^ states[start]])
        state = crc.skip(begin, np.array([stop - start])) ^ states[stop]
        stretch = data[start:stop].tobytes()
        assert int(state[0] ^ crc.START) == zlib.crc32(stretch)
        for word in (0, 1, 2**32 - 1):
            checksum = np.array([zlib.crc32(word.to_bytes(4, "little"), zlib.crc32(stretch))])
            assert int(crc.last_word(state, checksum.astype(np.uint32))[0]) == word


def test_blocks_that_are_decoded_together_are_those_that_are_decoded_alone(coder: Coder) -> None:
    tokens = make_tokens(40 * 21 + 7)
    alone = [blocks.split(coder.encode(tokens[i : i + 40]), 1)[0][0] for i in range(0, 847, 40)]
    data = coder.encode(tokens)
    assert blocks.split(data, 22)[0] == dict(enumerate(alone))
    np.testing.assert_array_equal(coder.decode(data, 847), tokens)


def check_damage(coder: Coder, tokens: np.ndarray, times: int) -> None:
    rng = np.random.default_rng(1)
    data = coder.encode(tokens)
    size = coder.prior.block
    count = -(-len(tokens) // size)
    places = spans(data, count)
    for _ in range(times):
        damaged, start, stop = corrupt(data, rng)
        if damaged == data:
            continue
        with pytest.raises(DamagedError, match="^damaged: "):
            coder.decode(damaged, len(tokens))
        hit = touched(places, start, stop)
        try:
            found, lost = coder.recover(damaged, len(tokens))
        except DamagedError:
            assert hit == set(range(count))
            continue
        assert {span.start // size for span in lost} <= hit
        expected = tokens.copy()
        for span in lost:
            assert span == range(span.start, min(span.start + size, len(tokens)))
            expected[span.start : span.stop] = 0
        np.testing.assert_array_equal(found, expected)


def test_damage_costs_its_blocks_alone() -> None:
    check_damage(Coder(make_prior(bits=4)), make_tokens(150, 4), 150)


@pytest.mark.slow
def test_damage_costs_its_blocks_alone_10000_times() -> None:
    check_damage(entropy.load(), make_tokens(2000), 10_000)


def test_a_flipped_bit_costs_one_block(coder: Coder) -> None:
    tokens = make_tokens(120)
    data = bytearray(coder.encode(tokens))
    first, _ = spans(bytes(data), 3)[1]
    data[first + blocks.OVERHEAD] ^= 4
    with pytest.raises(DamagedError, match="tokens 40 to 79 of 120 are lost"):
        coder.decode(bytes(data), 120)
    found, lost = coder.recover(bytes(data), 120)
    assert lost == [range(40, 80)]
    assert found[:40].tolist() + found[80:].tolist() == [*tokens[:40], *tokens[80:]]


def test_bytes_without_tokens_are_refused(coder: Coder) -> None:
    data = coder.encode(make_tokens(50))
    with pytest.raises(DamagedError, match="belong to no token"):
        coder.decode(data + b"\0", 50)
    with pytest.raises(DamagedError, match="blocks are lost"):
        coder.recover(b"", 50)
    with pytest.raises(DamagedError, match="blocks are lost"):
        coder.recover(data, 2**62)  # before any memory is taken


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.zeros(3), "must be integers"),
        (np.zeros((3, 1), int), "must be integers"),
        (np.array([-1]), "must lie in 0..65535"),
        (np.array([65536]), "must lie in 0..65535"),
    ],
)
def test_bad_tokens(coder: Coder, tokens: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        coder.encode(tokens)


def test_prior_round_trip(tmp_path: Path) -> None:
    prior = make_prior()
    prior.save(tmp_path / "entropy.safetensors")
    found = Prior.load(tmp_path / "entropy.safetensors")
    assert found.id == prior.id
    assert (found.model_id, found.block, found.bits) == (prior.model_id, prior.block, prior.bits)
    assert Coder(found).encode(make_tokens(50)) == Coder(prior).encode(make_tokens(50))


def test_prior_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "entropy.safetensors"
    make_prior().save(path)
    data = path.read_bytes()
    for bad in (b"", data[:-1], b"x" * 100):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match="entropy.safetensors: not a prior of tokens"):
            Prior.load(path)


@pytest.mark.parametrize(
    "block", ["-1", "0", "+800", " 800", "8e2", "800.0", "8_00", "٨", "", "nan", "2048", "9" * 5000]
)
def test_prior_of_a_block_that_is_none(tmp_path: Path, block: str) -> None:
    path = tmp_path / "entropy.safetensors"
    make_prior().save(path)
    about = {"version": "1", "model_id": "0123456789abcdef", "block": block}
    save_file(load_file(path), path, about)
    with pytest.raises(ValueError, match="entropy.safetensors: not a prior of tokens: block"):
        Prior.load(path)


@pytest.mark.parametrize(
    "about",
    [
        {"version": "2", "model_id": "0123456789abcdef", "block": "40"},
        {"version": "1", "model_id": "0123456789ABCDEF", "block": "40"},
        {"version": "1", "model_id": "", "block": "40"},
        {"version": "1", "block": "40"},
        {},
    ],
)
def test_prior_that_says_nothing_of_itself(tmp_path: Path, about: dict[str, str]) -> None:
    path = tmp_path / "entropy.safetensors"
    make_prior().save(path)
    save_file(load_file(path), path, about)
    with pytest.raises(ValueError, match="entropy.safetensors: not a prior of tokens"):
        Prior.load(path)


def test_prior_of_other_arrays(tmp_path: Path) -> None:
    path = tmp_path / "entropy.safetensors"
    make_prior().save(path)
    arrays = load_file(path)
    about = {"version": "1", "model_id": "0123456789abcdef", "block": "40"}
    for change in (
        {"more": np.zeros(3, np.int8)},
        {"weights": arrays["weights"].astype(np.float32)},
        {"weights": arrays["weights"][0]},
        {"weights": arrays["weights"][..., :0]},
        {"table": np.zeros(0, np.uint16)},
        {"table": np.ones((2, 2), np.uint16)},
        {"table": np.ones((), np.uint16)},
        {"heads": np.full(arrays["heads"].shape, np.nan)},
    ):
        save_file(arrays | change, path, about)
        with pytest.raises(ValueError, match="entropy.safetensors: not a prior of tokens"):
            Prior.load(path)
    save_file({k: v for k, v in arrays.items() if k != "bias"}, path, about)
    with pytest.raises(ValueError, match="bias"):
        Prior.load(path)
    with open(path, "wb") as file:
        file.truncate(20 * 2**30)
    with pytest.raises(ValueError, match="longer than"):
        Prior.load(path)


def test_sums_that_wrap_around_are_too_large() -> None:
    prior = make_prior()
    for changes in (
        {"offsets": np.full_like(prior.offsets, -(2**63))},
        {"bias": np.full_like(prior.bias, -(2**31))},
        {
            "bias": np.full_like(prior.bias, 2**23).repeat(512, 2),
            "heads": np.full_like(prior.heads, -(2**31)).repeat(512, 2),
            "weights": prior.weights.repeat(512, 3),
        },
    ):
        with pytest.raises(ValueError, match="too large to be exact"):
            dataclasses.replace(prior, **changes)


def test_every_block_fits_into_a_payload() -> None:
    """However badly a prior guesses."""
    worst = make_prior(block=2047)
    worst = dataclasses.replace(
        worst,
        heads=np.zeros_like(worst.heads),
        offsets=np.full_like(worst.offsets, -(2**40)),
        table=np.ones_like(worst.table),
    )
    tokens = np.full(2048, 2**16 - 1, np.uint16)
    data = Coder(worst).encode(tokens)
    assert len(data) > 2 * 16 * 2000
    np.testing.assert_array_equal(Coder(worst).decode(data, 2048), tokens)
    with pytest.raises(ValueError, match="block must lie in 1..2047"):
        make_prior(block=2048)


def test_prior_of_inexact_or_wrong_sums() -> None:
    prior = make_prior()
    weights = prior.weights.copy()
    weights[0, -1, 0] = 1
    for changes, message in (
        ({"bias": np.full_like(prior.bias, 2**24)}, "too large to be exact"),
        ({"offsets": np.full_like(prior.offsets, 2**53)}, "too large to be exact"),
        ({"heads": prior.heads.astype(np.int64)}, "heads must be int32"),
        ({"weights": weights}, "no bits but those below it"),
        ({"table": prior.table[:-1]}, "not the arrays of a prior"),
        ({"table": np.zeros_like(prior.table)}, "not the arrays of a prior"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(prior, **changes)


def test_unknown_prior(tmp_path: Path) -> None:
    with pytest.raises(UnknownPriorError, match="by prior 00, which no released model has"):
        entropy.find("00")
    with pytest.raises(UnknownPriorError, match=f"which {tmp_path} does not have"):
        entropy.find("00", tmp_path)
    with pytest.raises(FileNotFoundError, match="no model"):
        entropy.load(tmp_path)


@pytest.mark.parametrize("name", pretrained.names())
def test_each_released_model_has_its_prior(name: str) -> None:
    coder = entropy.load(name)
    made = coder.prior.model_id
    assert made == pretrained.load(name).model_id, (
        f"the prior of {name} is that of other weights, {made}: run experiments/entropy/train.py"
    )
    assert entropy.find(coder.prior.id).prior.id == coder.prior.id
    rate = pretrained.load(name).config.frame_rate
    assert coder.prior.block <= 10 * rate
    assert (pretrained.locate(name) / prior_module.FILE).stat().st_size <= 300_000


@pytest.mark.slow
def test_released_prior_saves_a_fifth() -> None:
    tokenizer = AudioTokenizer.from_pretrained()
    tokens = tokenizer.encode(*audio.read(EXAMPLES / "en_us_female.flac"))
    coder = entropy.load()
    data = coder.encode(tokens)
    np.testing.assert_array_equal(coder.decode(data, len(tokens)), tokens)
    assert len(data) < 0.8 * 2 * len(tokens)
