"""Finding files, and replacing them."""

from __future__ import annotations

import errno
import re
import resource
from pathlib import Path

import pytest

from audiotok_jax.files import (
    discard_all,
    final_names,
    find,
    replacing,
    replacing_folder,
    standing_in,
)


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


def test_errors_name_the_file_and_not_the_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / "target"
    for error, said in (
        (lambda path: OSError(errno.ENOSPC, "full"), f"[Errno 28] full: '{target}'"),
        (lambda path: OSError(errno.EIO, "bad", "other"), "[Errno 5] bad: 'other'"),
        (lambda path: OSError(errno.EIO, "bad", str(path)), f"[Errno 5] bad: '{target}'"),
        (lambda path: OSError(2, "no", str(path), None, "b"), f"[Errno 2] no: '{target}'"),
        (lambda path: OSError(f"no {path}"), f"no {target}"),
        (lambda path: ValueError(f"{path}: bad", 3), f"('{target}: bad', 3)"),
    ):
        with pytest.raises((OSError, ValueError)) as raised, replacing(target) as temporary:
            raise error(temporary)
        assert str(raised.value) == said
    outer = tmp_path / ".x.tmp"
    with (
        pytest.raises(OSError, match=f"{target}/a'"),
        standing_in(target, outer),
        standing_in(outer / "a", outer / "b"),
    ):
        (outer / "b").open()
    with replacing_folder(target) as folder, replacing(folder / "a") as path:  # told in the block
        assert final_names(f"{path}, {folder}/b") == f"{target}/a, {target}/b"
        path.touch()
    assert final_names(f"{path}") == f"{path}"


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match=f"'{tmp_path}/out'"), replacing(tmp_path / "out") as path:
            path.write_bytes(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_a_folder_below_a_file_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file/out"), replacing_folder(tmp_path / "file" / "out"):
        pass
    discard_all()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
