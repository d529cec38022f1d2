"""Saves that are damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiotok_jax.train.checkpoint import SUMS, Checkpoints
from audiotok_jax.train.state import State


def make_state(number: float) -> State:
    arrays = [jnp.arange(3000.0) * jnp.pi + number, jnp.full(4, number)]
    return State(*[arrays[i % 2] for i in range(len(State._fields))])


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saves") / "checkpoints"
    checkpoints = Checkpoints(folder, keep=3)
    for number in (1, 2, 3):
        checkpoints.save(number, make_state(number), score=number / 10)
    checkpoints.close()
    return folder


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "checkpoints"))


def restore(folder: Path) -> State:
    checkpoints = Checkpoints(folder, keep=3)
    try:
        return checkpoints.restore(make_state(0))
    finally:
        checkpoints.close()


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8
    path.write_bytes(data)


def refused(folder: Path, capfd) -> str:
    """The one line that is told."""
    with pytest.raises(ValueError) as caught:
        restore(folder)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    return str(caught.value)


def test_saves_are_restored(folder):
    for leaf, expected in zip(
        jax.tree.leaves(restore(folder)), jax.tree.leaves(make_state(3)), strict=True
    ):
        np.testing.assert_array_equal(leaf, expected)


@pytest.mark.parametrize("harm", [remove, empty, halve, flip])
def test_each_file_of_a_save_is_checked(folder, harm, capfd):
    names = [p.relative_to(folder) for p in sorted(folder.glob("3/**/*")) if p.is_file()]
    assert len(names) > 8
    for name in names:
        if (harm, name.name) == (remove, SUMS):
            continue  # a save that was made before there were sums
        before = (folder / name).read_bytes()
        harm(folder / name)
        message = refused(folder, capfd)
        assert message.startswith(f"{folder / name}: ") or name.name == SUMS
        assert f"the next older save is {folder / '2'}: remove those after it" in message
        (folder / name).write_bytes(before)


def test_the_next_older_save_is_a_whole_one(folder, capfd):
    flip(folder / "3/state/manifest.ocdbt")
    flip(folder / "2/state/manifest.ocdbt")
    assert f"the next older save is {folder / '1'}" in refused(folder, capfd)
    flip(folder / "1/state/manifest.ocdbt")
    assert "there is no older save" in refused(folder, capfd)
    for number in (3, 2):
        shutil.rmtree(folder / str(number))
    flip(folder / "1/state/manifest.ocdbt")
    assert int(restore(folder)[1][0]) == 1


def test_an_empty_folder_is_no_save(folder, capfd):
    (folder / "4").mkdir()
    message = refused(folder, capfd)
    assert message.startswith(f"{folder / '4'}") and f"save is {folder / '3'}" in message


def test_a_damaged_score_of_an_older_save(folder, capfd):
    (folder / "1/metrics/metrics").write_text('{"score": "high"}')
    message = refused(folder, capfd)
    assert message.startswith(f"{folder / '1/metrics/metrics'}: damaged: ")
    assert f"remove {folder / '1'}" in message
    shutil.rmtree(folder / "1")
    restore(folder)


def test_saves_from_before_there_were_sums(folder, capfd):
    for path in folder.glob(f"*/{SUMS}"):
        path.unlink()
    restore(folder)
    capfd.readouterr()
    for path in (folder / "3/state/d").iterdir():
        flip(path)
    message = refused(folder, capfd)
    assert message.startswith(f"{folder / '3'}: damaged; ") and f"save is {folder / '2'}" in message


def test_an_unfinished_save_is_passed_over(folder):
    shutil.copytree(folder / "3", folder / "4.orbax-checkpoint-tmp")
    assert int(restore(folder)[1][0]) == 3
