"""Cutting a stream into windows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax.windows import cut

HALOS = st.tuples(st.integers(0, 30), st.integers(0, 30))


def reference(stream: np.ndarray, size: int, halo: tuple[int, int], fill: float) -> list:
    """The windows by slices of the whole extended stream."""
    count = -(-len(stream) // size)
    long = np.pad(stream, (halo[0], count * size + halo[1]), constant_values=fill)
    return [
        (long[i * size : (i + 1) * size + sum(halo)], min(size, len(stream) - i * size))
        for i in range(count)
    ]


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 12), HALOS)
def test_windows_are_slices_of_the_stream(lengths, size, halo):
    stream = np.arange(1, 1 + sum(lengths), dtype=np.float32)
    chunks = np.split(stream, np.cumsum(lengths)[:-1]) if lengths else []
    windows = list(cut(chunks, size, halo, 0.0))
    expected = reference(stream, size, halo, 0.0)
    assert [valid for _, valid in windows] == [valid for _, valid in expected]
    for (window, _), (slice_, _) in zip(windows, expected, strict=True):
        np.testing.assert_array_equal(window, slice_)


@pytest.mark.parametrize("dtype, fill", [(np.int32, -1), (np.float32, 0.0)])
def test_dtype_and_fill(dtype, fill):
    ((window, valid),) = cut([np.array([7], dtype)], 2, (1, 2), fill)
    assert window.dtype == dtype
    assert window.tolist() == [fill, 7, fill, fill, fill]
    assert valid == 1


@pytest.mark.parametrize("chunks", [[], [np.zeros(0, np.float32)] * 3])
def test_an_empty_stream_has_no_windows(chunks):
    assert not list(cut(chunks, 4, (2, 2), 0.0))


def test_windows_own_their_memory():
    windows = [window for window, _ in cut([np.arange(40.0)], 8, (4, 4), 0.0)]
    assert not any(np.shares_memory(a, b) for a, b in itertools.combinations(windows, 2))


def test_a_window_comes_with_the_last_unit_of_its_halo():
    taken = 0

    def units():
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield np.ones(1)

    for count, _ in enumerate(itertools.islice(cut(units(), 10, (5, 3), 0.0), 9), 1):
        assert taken == 10 * count + 3
