"""Folders as they are found: links, pipes, devices, and headers that announce too much."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audiotok_jax import audio
from audiotok_jax.corpus import inputs
from audiotok_jax.data import sources, tars
from audiotok_jax.evaluate import clips
from audiotok_jax.files import find

RATE = 16000


@pytest.fixture
def folder(tmp_path, speech) -> Path:
    """`set/a.wav`, and `away/deep/b.wav` beside it."""
    for name in ("set/a.wav", "away/deep/b.wav"):
        (tmp_path / name).parent.mkdir(parents=True)
        audio.write(tmp_path / name, speech(4000), RATE)
    return tmp_path / "set"


def names(folder: Path) -> list[str]:
    """As all users of a folder see them."""
    found = sorted(str(path.relative_to(folder)) for path in find([folder], (".wav",)))
    assert sorted(clip.id for clip in inputs.find([str(folder)])) == found
    assert sorted(clip.name for clip in sources.listing(str(folder), RATE).clips) == found
    assert sorted(clip.name for clip in clips.find([str(folder)])[0]) == found
    return found


def test_links_to_folders_are_followed(folder):
    (folder / "far").symlink_to(folder.parent / "away")
    assert names(folder) == ["a.wav", "far/deep/b.wav"]
    (folder.parent / "away" / "on").symlink_to(folder)  # and back
    assert names(folder) == ["a.wav", "far/deep/b.wav"]


def test_links_that_lead_round_end(folder):
    (folder / "self").symlink_to(folder)
    (folder / "above").symlink_to(folder.parent)  # and all that lies there is not of this set
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to("..")
    (folder / "here.wav").symlink_to("here.wav")
    (folder / "here.wav").unlink()
    assert names(folder) == ["a.wav"]


def test_what_can_be_reached_in_several_ways_is_found_once(folder):
    (folder / "z").mkdir()
    (folder / "z" / "c.wav").symlink_to(folder / "a.wav")  # a file of its own name
    for name in ("first", "second"):
        (folder / name).symlink_to(folder / "z")
    (folder / "m").symlink_to(folder.parent / "away")
    (folder / "n").symlink_to(folder.parent / "away" / "deep")
    assert names(folder) == ["a.wav", "m/deep/b.wav", "z/c.wav"]


def test_a_link_that_leads_nowhere_is_told_whatever_its_name(folder):
    (folder / "speakers").symlink_to(folder / "absent")
    (folder / "circle").symlink_to(folder / "circle")
    (folder / ".hidden").symlink_to(folder / "absent")
    found = sources.open_clips([str(folder)], RATE)
    assert sorted(Path(path).name for path, _ in found.skipped) == ["circle", "speakers"]
    assert {clip.id for clip in inputs.find([str(folder)])} == {"a.wav", "circle", "speakers"}
    assert len(clips.find([str(folder)])[1]) == 2
    assert folder / "speakers" in find([folder], (".wav",))


def test_pipes_and_devices_are_left_out_with_a_line(folder, caplog):
    os.mkfifo(folder / "pipe.wav")
    (folder / "zero.wav").symlink_to("/dev/zero")
    assert find([folder], (".wav",)) == [folder / "a.wav"]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert any(f"{folder}/pipe.wav: is a pipe" in line for line in said)
    assert any(f"{folder}/zero.wav: is a device" in line for line in said)
    found = sources.open_clips([str(folder)], RATE)
    assert {Path(path).name: reason for path, reason in found.skipped} == {
        "pipe.wav": "is a pipe, not an audio file",
        "zero.wav": "is a device, not an audio file",
    }


def announcing(path: Path, frames: int) -> bytes:
    """A FLAC file whose header announces so many samples."""
    data = bytearray(path.read_bytes())
    data[21] = data[21] & 0xF0 | frames >> 32
    data[22:26] = (frames & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize("frames", [2**36 - 1, 2**33])
def test_a_length_that_cannot_be_is_no_weight(folder, speech, frames):
    audio.write(folder / "b.flac", speech(4000), RATE)
    (folder / "b.flac").write_bytes(announcing(folder / "b.flac", frames))
    found = sources.open_clips([str(folder)], RATE)
    assert found.seconds < 1
    with tars.tarfile.open(folder.parent / "t.tar", "w") as tar:
        tar.add(folder, "t")
    assert sources.open_clips([str(folder.parent / "t.tar")], RATE).seconds < 1
