"""Files of tokens that may hold anything."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from audiotok_jax import AudioTokenizer, interchange
from audiotok_jax.tokenfile import TokenFileError

MODEL = cast(
    AudioTokenizer,
    SimpleNamespace(model_id="0123456789abcdef", sample_rate=16_000, hop_length=200, bits=16),
)


def npy(tokens: Any, **header: Any) -> bytes:
    """An .npy file, whose header may say something else."""
    array = np.asarray(tokens)
    buffer = io.BytesIO()
    fields = np.lib.format.header_data_from_array_1_0(array) | header
    np.lib.format.write_array_header_1_0(buffer, fields)
    return buffer.getvalue() + array.tobytes()


def refused(path: Path, match: str) -> None:
    for read in (
        lambda: interchange.read(path, MODEL),
        lambda: interchange.recover(path, MODEL),
        lambda: interchange.read_streams(path),
    ):
        tracemalloc.start()
        try:
            with pytest.raises(TokenFileError, match=match) as caught:
                read()
            assert tracemalloc.get_traced_memory()[1] < 3e6
        finally:
            tracemalloc.stop()
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "head",
    [
        b'{"tokens": [',
        npy([1]),
        npy([1], shape=(10 * 2**30,)),
        npy([1], shape=(20 * 2**30 - 128,), descr="|u1"),
    ],
)
def test_sparse_files_are_refused_unread(head, tmp_path):
    path = tmp_path / "tokens"
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(20 * 2**30)
    refused(path, "too long|its header announces")


def test_sparse_text_is_refused_unread(tmp_path):
    path = tmp_path / "tokens"
    with open(path, "wb") as file:
        file.write(b"tensor([[1, 2]])")
        file.truncate(20 * 2**30)
    with pytest.raises(TokenFileError, match="too long"):
        interchange.read_streams(path)


@pytest.mark.parametrize("shape", [(-1,), (0,), (2,), (2**62,), (), (1, 1)])
def test_npy_that_announces_something_else(shape, tmp_path):
    path = tmp_path / "tokens"
    path.write_bytes(npy([1], shape=shape))
    refused(path, "its header announces|must be integers of shape|not the header")


@pytest.mark.parametrize(
    "changes",
    [
        {"tokens": [True]},
        {"tokens": [1, True]},
        {"tokens": ["1"]},
        {"tokens": "1"},
        {"tokens": {"0": 1}},
        {"tokens": [1.0]},
        {"tokens": [float("nan")]},
        {"tokens": [10**30]},
        {"tokens": []},
        {"tokens": None},
        {"bits": True},
        {"bits": "16"},
        {"hop_length": 200.0},
        {"num_samples": float("inf")},
        {"num_samples": 10**30},
        {"sample_rate": None},
        {"model_id": 1},
    ],
)
def test_json_of_other_types(changes, tmp_path):
    fields = {"tokens": [7], "model_id": MODEL.model_id, "sample_rate": 16_000}
    fields |= {"hop_length": 200, "num_samples": 100, "bits": 16}
    path = tmp_path / "tokens"
    path.write_text(json.dumps(fields))
    assert interchange.read(path, MODEL).tokens.tolist() == [7]
    path.write_text(json.dumps(fields | changes))
    refused(path, next(iter(changes)))


@pytest.mark.parametrize(
    "text",
    ['{"tokens": ' + "[" * 200_000, '{"tokens": ' + "9" * 5000 + "}"]
    + ['{"tokens": [1], "tokens": [2]}', '{"tokens": [1], "x": {"y": 1, "y": 1}}'],
)
def test_what_is_no_json(text, tmp_path):
    path = tmp_path / "tokens"
    path.write_text(text)
    refused(path, "not JSON")


@pytest.mark.parametrize("numbers", ["[1, true]", "[NaN]", "[" * 100_000, "[1, Infinity]", '["1"]'])
def test_printed_tensors_hold_integers(numbers, tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"tensor({numbers})")
    with pytest.raises(TokenFileError, match="integers"):
        interchange.read_streams(path)


def test_a_printed_tensor_without_an_end_hides_no_other(tmp_path):
    path = tmp_path / "printed"
    path.write_text(
        "first tensor([1, 2], device='second tensor([3]) tensor([[4]], device='cuda:0')"
    )
    assert [tokens.tolist() for tokens in interchange.read_streams(path)] == [[1, 2], [3], [4]]
