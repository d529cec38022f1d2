"""What experiments/default_model/release.py does to weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from audiotok_jax.codec import model

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments" / "default_model"))

import release  # noqa: E402


@pytest.mark.parametrize("db", [-6.0, 0.0, 3.0])
def test_a_louder_decoder_gives_the_same_speech_louder(tiny, db):
    config, params = tiny
    tokens = np.random.default_rng(0).integers(0, 2**16, (1, 20))
    before = model.decode(params, config, tokens)
    after = model.decode(release.louder(params, db), config, tokens)
    np.testing.assert_allclose(after, before * 10 ** (db / 20), atol=1e-5)
