"""Tests of what is kept of compiled programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from audiotok_jax import audio, pretrained

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def encode(tiny, tmp_path, speech):
    """Encodes a clip in a process of its own, in an environment with some variables changed."""
    config, params = tiny
    pretrained.save(tmp_path / "model", params, config)
    audio.write(tmp_path / "talk.wav", speech(1600), 16000)

    def run(**variables: str) -> str:
        names = ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS")
        kept = {name: value for name, value in os.environ.items() if name not in names}
        command = ["encode", "talk.wav", "--model", "model", "--force"]
        done = subprocess.run(
            [sys.executable, "-m", "audiotok_jax", *command],
            env=kept | {"PYTHONPATH": str(ROOT), "JAX_LOG_COMPILES": "1"} | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    return run


def programs(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*-cache")]


def test_the_second_command_compiles_nothing(encode, tmp_path):
    assert "cache hit" not in encode(XDG_CACHE_HOME=str(tmp_path / "xdg"))
    [program] = programs(tmp_path / "xdg" / "audiotok_jax")
    assert program.startswith("jit__encode_windows")
    assert "cache hit for 'jit__encode_windows'" in encode(XDG_CACHE_HOME=str(tmp_path / "xdg"))


def test_the_home_is_where_it_lies_and_jax_says_where_else_or_not_at_all(encode, tmp_path):
    encode(HOME=str(tmp_path / "home"), XDG_CACHE_HOME="")
    assert programs(tmp_path / "home" / ".cache" / "audiotok_jax")
    encode(
        HOME=str(tmp_path / "b"),
        JAX_COMPILATION_CACHE_DIR=str(tmp_path / "own"),
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",  # a fast machine needs less than a second
    )
    assert programs(tmp_path / "own")
    encode(XDG_CACHE_HOME=str(tmp_path / "c"), JAX_ENABLE_COMPILATION_CACHE="false")
    assert not programs(tmp_path / "c")
    (tmp_path / "file").touch()
    told = encode(XDG_CACHE_HOME=str(tmp_path / "file"), JAX_LOG_COMPILES="0")
    assert told == ""
    assert not (tmp_path / "b").exists()
