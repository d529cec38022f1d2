"""Tests of `audiotok stats`: figures that are known in advance, printed tensors, the command."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotok_jax import cli, interchange
from audiotok_jax import tokenfile as tf
from audiotok_jax.evaluate.stats import entropy, statistics, tables

PRINTED = """\
Tokens of the first clip:
tensor([[ 9071, 22264,     0,
         65535, 12345]], device='cuda:0')
>>> second
tensor([1, 2, 1], dtype=torch.int32) tensor([[[7]]])
"""
STREAMS = [[9071, 22264, 0, 65535, 12345], [1, 2, 1], [7]]


def test_every_id_once_is_a_full_code():
    ids = np.random.default_rng(1).permutation(2**16).astype(np.uint16)
    found = statistics([ids])
    assert found["tokens"] == found["distinct"] == 65536
    assert found["distinct_share"] == 1
    assert found["entropy"] == 16 and found["entropy_by_bits"] == found["entropy_by_used"] == 1
    assert found["bit_mean"] == [0.5] * 16
    assert found["largest_correlation"] == 0
    np.testing.assert_allclose(found["expected_distinct"], 65536 * (1 - 1 / np.e), rtol=1e-4)
    np.testing.assert_allclose(found["usage"], 1 / (1 - 1 / np.e), rtol=1e-4)
    # Independent neighbours differ in each bit with probability 1/2.
    for name in ("hamming_neighbours", "hamming_shuffled"):
        assert found[name] == pytest.approx(8, abs=0.05)
    np.testing.assert_allclose(found["flip_rate"], 0.5, atol=0.01)
    np.testing.assert_allclose(found["conditional_entropy"], 1, atol=1e-3)


def test_entropies_by_hand():
    assert entropy(np.array([4, 0, 2, 1, 1])) == 1.75
    # Counts 4, 2, 1, 1: plug-in 1.75 bits; Miller-Madow adds (4 - 1) / (2 * 8) nats.
    found = statistics([np.array([5, 5, 9, 5]), np.array([9, 5, 0, 3])], bits=4)
    assert found["streams"] == 2 and found["tokens"] == 8 and found["distinct"] == 4
    assert found["entropy"] == 1.75
    assert found["entropy_miller_madow"] == pytest.approx(1.75 + 0.1875 * np.log2(np.e))
    assert found["entropy_by_bits"] == 1.75 / 4
    assert found["entropy_by_used"] == 1.75 / 2


@pytest.mark.parametrize(("bits", "total"), [(3, 1), (3, 10), (8, 300), (8, 2000)])
def test_expected_distinct_agrees_with_simulation(bits, total):
    draws = np.random.default_rng(0).integers(0, 2**bits, (400, total))
    seen = [len(np.unique(draw)) for draw in draws]
    expected = statistics([draws[0]], bits)["expected_distinct"]
    error = np.std(seen) / np.sqrt(len(seen))
    assert abs(np.mean(seen) - expected) <= 4 * error + 1e-9


def test_expected_distinct_of_a_huge_code():
    # Of two tokens the second is new with probability 1 - 1/V.
    found = statistics([np.array([1, 2])], bits=32)
    assert found["expected_distinct"] == pytest.approx(2 - 2.0**-32, abs=1e-12)


def test_constant_bits_and_equal_and_opposite_ones():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 2, (2, 5000))
    # Bit 0 is always 1; bits 1 and 3 are equal; bit 2 is independent of them; bit 4 is always 0.
    found = statistics([1 + 2 * a + 4 * b + 8 * a], bits=5)
    assert found["largest_correlation"] == 1 and found["correlated_bits"] == [1, 3]
    assert found["bit_mean"][0] == 1 and found["bit_mean"][4] == 0
    assert found["bit_mean"][1] == found["bit_mean"][3] == a.mean()
    assert found["flip_rate"][0] == found["flip_rate"][4] == 0
    assert found["conditional_entropy"][0] == found["conditional_entropy"][4] == 0
    opposite = statistics([a + 2 * (1 - a)], bits=2)
    assert opposite["largest_correlation"] == 1 and opposite["correlated_bits"] == [0, 1]


def test_the_largest_correlation_is_that_of_numpy():
    rng = np.random.default_rng(3)
    ones = rng.random((3000, 6)) < rng.uniform(0.1, 0.9, 6)
    ones[:, 5] |= ones[:, 2]
    found = statistics([ones @ (1 << np.arange(6))], bits=6)
    expected = np.abs(np.corrcoef(ones.T.astype(float)) - np.eye(6))
    assert found["largest_correlation"] == pytest.approx(expected.max())
    assert found["correlated_bits"] == [2, 5]


def test_alternating_tokens():
    found = statistics([np.tile([0b0101, 0b0110], 500)], bits=4)
    assert found["hamming_neighbours"] == 2
    assert found["hamming_histogram"] == [0, 0, 999, 0, 0]
    assert found["hamming_shuffled"] == pytest.approx(1, abs=0.15)
    assert sum(found["hamming_histogram_shuffled"]) == 999
    assert found["flip_rate"] == [1, 1, 0, 0]
    assert found["conditional_entropy"] == [0, 0, 0, 0]  # each bit follows from the one before
    assert found["entropy"] == found["entropy_by_used"] == 1


def test_conditional_entropy_by_hand():
    # From 0: to 0, 0, 1 and 1; from 1: to 0 and 0.
    found = statistics([np.array([0, 0, 0, 1, 0, 1, 0])], bits=1)
    assert found["conditional_entropy"] == [pytest.approx(4 / 6)]


def test_neighbours_are_those_within_a_stream():
    found = statistics([np.zeros(3, int), np.full(3, 15), np.array([0])], bits=4)
    assert found["hamming_neighbours"] == 0 and found["flip_rate"] == [0] * 4
    assert found["hamming_shuffled"] > 0
    assert found["hamming_histogram"] == [4, 0, 0, 0, 0]


def test_the_shuffle_is_always_the_same():
    tokens = np.random.default_rng(0).integers(0, 2**16, 100)
    assert statistics([tokens]) == statistics([tokens.astype(np.uint16)])


@pytest.mark.parametrize("tokens", [[3], [3, 3, 3, 3], [0], [65535, 65535]])
def test_what_does_not_exist_is_none(tokens):
    found = statistics([np.array(tokens)])
    json.dumps(found, allow_nan=False)
    assert found["entropy"] == found["entropy_miller_madow"] == 0
    assert found["entropy_by_used"] is None and found["largest_correlation"] is None
    neighbours = ("hamming_neighbours", "hamming_shuffled", "flip_rate", "conditional_entropy")
    for name in neighbours:
        assert (found[name] is None) == (len(tokens) == 1)
    overall, by_bit = tables(found)
    assert len(by_bit) == 17 and any(row[1] == "-" for row in overall)


@pytest.mark.parametrize(
    ("streams", "bits", "complaint"),
    [
        ([], 16, "no tokens"),
        ([[]], 16, "float64"),
        ([np.empty(0, int)], 16, "no tokens"),
        ([[1.5]], 16, "integers"),
        ([[[1, 2], [3, 4]]], 16, "shape"),
        ([[16]], 4, r"0\.\.15, not 16\.\.16"),
        ([[1], [-1]], 16, "not -1"),
        ([[1]], 33, r"1\.\.32"),
    ],
)
def test_no_statistics_of_what_is_no_token(streams, bits, complaint):
    with pytest.raises(ValueError, match=complaint):
        statistics([np.array(stream) for stream in streams], bits)


def test_printed_tensors(tmp_path):
    path = tmp_path / "printed.log"
    path.write_text(PRINTED)
    found = interchange.read_streams(path)
    assert [tokens.tolist() for tokens in found] == STREAMS
    assert all(tokens.dtype == np.int64 for tokens in found)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "neither"),
        ("9071 22264", "neither"),
        ("\x00\xff junk", "neither"),
        ("tensor([[1, 2]])\ntensor([[    0,     1,  ...,     8,     9]])", "tensor 2 is elided"),
        ("tensor([0.5000, 1.5000])", "integers of shape"),
        ("tensor([1., 2.])", "tensor 1 is not a whole list"),
        ("tensor([[1, 2], [3, 4]])", "(2, 2)"),
        ("tensor([[1, 2], [3]])", "not a whole list"),
        ("tensor([[1, 2,", "not a whole list"),
        ("tensor(5)", "not a whole list"),
        ("tensor([], size=(1, 0), dtype=torch.int64)", "tensor 1 is empty"),
        ("tensor([1, 99999999999999999999])", "integers of shape"),
        ("tensor(" + "[" * 100_000, "not a whole list"),
        ("tensor([1, 65536])", "0..65535, not 1..65536"),
        ("tensor([-1, 6])", "0..65535, not -1..6"),
    ],
)
def test_bad_printed_tensors(tmp_path, text, complaint):
    path = tmp_path / "printed.txt"
    path.write_text(text)
    with pytest.raises(tf.TokenFileError) as error:
        interchange.read_streams(path)
    assert str(error.value).startswith(f"{path}: ") and complaint in str(error.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the same kind of tokens in all formats."""
    monkeypatch.chdir(tmp_path)
    Path("tokens/s").mkdir(parents=True)
    tokens = np.random.default_rng(0).integers(0, 2**16, (3, 200)).astype(np.uint16)
    made = [tf.TokenFile(row, "0123456789abcdef", 16000, 200, 39_999) for row in tokens]
    Path("tokens/s/a.atok").write_bytes(tf.dumps(made[0]))
    Path("tokens/b.json").write_bytes(interchange.dump_json(made[1]))
    Path("tokens/c.npy").write_bytes(interchange.dump_npy(made[2]))
    Path("tokens/notes.txt").write_text("tensor([1])")
    Path("printed.txt").write_text(PRINTED)
    return tmp_path


@pytest.fixture
def stats(here: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command: the exit code, standard output, standard error."""

    def stats(*args: str) -> tuple[int, str, str]:
        code = cli.main(["stats", *args])
        out, err = capfd.readouterr()
        return code, out, err

    return stats


def test_all_formats_make_one_set(stats):
    code, out, err = stats("tokens", "tokens/c.npy", "printed.txt", "--json", "-")
    assert (code, err) == (0, "")
    files = ("tokens/b.json", "tokens/c.npy", "tokens/s/a.atok")
    streams = [tokens for file in files for tokens in interchange.read_streams(Path(file))]
    streams += [np.array(stream) for stream in STREAMS]
    assert json.loads(out) == statistics(streams)
    assert json.loads(out)["tokens"] == 609


def test_table_json_file_and_picture(stats):
    code, out, err = stats("tokens", "--json", "s.json", "--plot", "s.PNG")
    assert (code, err) == (0, "")
    found = json.loads(Path("s.json").read_text())
    overall, by_bit = out.split("\n\n")
    values = {line.split("  ")[0]: line.split()[-1] for line in overall.splitlines()}
    assert values["streams"] == "3" and values["tokens"] == "600"
    assert values["entropy, plug-in (bits)"] == f"{found['entropy']:.4f}"
    assert values["Hamming distance of neighbours"] == f"{found['hamming_neighbours']:.4f}"
    lines = by_bit.splitlines()
    assert len(lines) == 17
    assert lines[4].split()[:2] == ["3", f"{found['bit_mean'][3]:.4f}"]
    assert Path("s.PNG").read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir()) == ["printed.txt", "s.PNG", "s.json", "tokens"]


def test_an_svg_of_one_token_twice_is_the_same(stats):
    Path("one.txt").write_text("tensor([3])")
    for name in ("1.svg", "2.svg"):
        assert stats("one.txt", "--plot", name)[0] == 0
    svg = Path("1.svg").read_text()
    assert "<svg" in svg and svg == Path("2.svg").read_text()


def test_standard_input(stats, monkeypatch):
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(PRINTED.encode()))

    Stdin.buffer.raw.name = "<stdin>"
    monkeypatch.setattr("sys.stdin", Stdin)
    code, out, _ = stats("-", "--json", "-")
    assert code == 0 and json.loads(out)["tokens"] == 9


def test_a_bad_file_is_named_and_the_others_count(stats):
    Path("tokens/a.npy").write_bytes(b"\x93junk")
    code, out, err = stats("tokens", "--json", "-")
    assert code == 1 and json.loads(out)["tokens"] == 600
    assert err.startswith("audiotok: tokens/a.npy: damaged") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("none.atok",), "none.atok: No such file"),
        (("empty",), "empty: no file in this folder"),
        (("corpus",), "corpus: a corpus; see audiotok corpus info"),
        (("elided.txt",), "elided.txt: tensor 1 is elided"),
        (("tokens/c.npy", "--bits", "10"), "tokens/c.npy: tokens of 10 bits must lie in 0..1023"),
        (("tokens/s/a.atok", "--bits", "17"), "tokens/s/a.atok: its tokens have 16 bits, not 17"),
        (("tokens", "--plot", "x.pdf"), "x.pdf: the name must end in .png or .svg"),
        (("tokens", "--json", "printed.txt"), "printed.txt exists; --force"),
        (("tokens", "--json", "tokens/b.json", "--force"), "tokens/b.json is an input"),
        (("tokens", "--json", "no/x.json"), "no: no such folder"),
    ],
)
def test_what_cannot_be_is_one_line(stats, here, args, complaint):
    Path("empty").mkdir()
    Path("corpus").mkdir()
    Path("corpus/plan.json").write_text("{}")
    Path("elided.txt").write_text("tensor([1, ..., 2])")
    before = {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}
    code, _, err = stats(*args)
    assert code == 1
    assert err.startswith("audiotok: ") and complaint in err and err.count("\n") == 1
    assert {p: p.read_bytes() for p in here.rglob("*") if p.is_file()} == before


def test_force_replaces(stats):
    Path("x.json").write_text("old")
    assert stats("tokens", "--json", "x.json", "--force")[0] == 0
    assert json.loads(Path("x.json").read_text())["streams"] == 3


def test_wider_tokens(stats):
    Path("wide.txt").write_text("tensor([[131071, 0]])")
    code, out, _ = stats("wide.txt", "--bits", "17", "--json", "-")
    assert code == 0 and json.loads(out)["hamming_neighbours"] == 17


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["stats", "--help"])
    assert stop.value.code == 0
    assert "\n  audiotok stats " in capsys.readouterr().out
