"""Finding files, and replacing them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audiotok_jax.files import find, replacing


def test_find(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in ("b.wav", "a.FLAC", "deep/c.opus", "note.txt", "._b.wav"):
        (folder / name).touch()
    odd = tmp_path / "odd.xyz"
    odd.touch()
    inside = [folder / "a.FLAC", folder / "b.wav", folder / "deep" / "c.opus"]
    assert find([odd, folder, inside[0], "-"], (".wav", ".flac", ".opus")) == [
        odd,
        *inside,
        Path("-"),
    ]
    assert find(str(folder), (".wav", ".flac", ".opus")) == inside


def test_find_errors(tmp_path: Path) -> None:
    (tmp_path / "note.txt").touch()
    with pytest.raises(ValueError, match=f"{re.escape(str(tmp_path))}: no file"):
        find([tmp_path], (".wav",))
    with pytest.raises(FileNotFoundError):
        find([tmp_path / "none.wav"], (".wav",))


def test_replacing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    with replacing(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert target.read_text() == "new"
