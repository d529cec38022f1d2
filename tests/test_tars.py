"""Tars and folders: all that is in them is found, or said."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from audiotok_jax import audio
from audiotok_jax.corpus import decoding, inputs
from audiotok_jax.data import sources, tars
from audiotok_jax.data.clips import Skipped
from audiotok_jax.files import find

RATE = 16000


@pytest.fixture(scope="module")
def clip(tmp_path_factory, speech) -> bytes:
    place = tmp_path_factory.mktemp("clip") / "a.wav"
    audio.write(place, speech(4000), RATE)
    return place.read_bytes()


def packed(clip: bytes, *entries: str | tuple[str, bytes, str]) -> bytes:
    """A tar; of a name, or a name, kind and target."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for entry in entries:
            name, kind, target = (entry, tarfile.REGTYPE, "") if isinstance(entry, str) else entry
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = len(clip) if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(clip))
    return data.getvalue()


def found(tmp_path, data: bytes) -> tuple[list[str], list[str]]:
    place = tmp_path / "t.tar"
    place.write_bytes(data)
    clips, skipped = [], []
    for one in tars.members(str(place)):
        if isinstance(one, Skipped):
            skipped.append(f"{one.path}: {one.reason}".removeprefix(f"{tmp_path}/"))
        else:
            clips.append(one.name)
    return clips, skipped


@pytest.mark.parametrize("between", [b"", bytes(512), bytes(10240)])
def test_joined_tars_are_read_to_the_end(tmp_path, clip, between):
    data = packed(clip, "a.wav") + between + packed(clip, "b.wav") + packed(clip, "c.wav")
    assert found(tmp_path, data) == (["a.wav", "b.wav", "c.wav"], [])
    waves = [
        np.concatenate(list(chunks))
        for one in inputs.find([str(tmp_path / "t.tar")])
        for _, chunks in [decoding.opened(one).__enter__()]
    ]
    assert len(waves) == 3 and all(np.array_equal(wave, waves[0]) for wave in waves)


def test_links_lead_to_their_files(tmp_path, clip):
    data = packed(
        clip,
        "d/a.wav",
        ("b.wav", tarfile.LNKTYPE, "d/a.wav"),
        ("d/c.wav", tarfile.SYMTYPE, "e.wav"),
        ("d/e.wav", tarfile.SYMTYPE, "../late.wav"),
        "late.wav",
    )
    clips, skipped = found(tmp_path, data)
    assert sorted(clips) == ["b.wav", "d/a.wav", "d/c.wav", "d/e.wav", "late.wav"] and not skipped
    read = sources.open_clips([str(tmp_path / "t.tar")], RATE)
    assert all(np.array_equal(read.read(n), read.read(0)) for n in range(5))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (("x.wav", tarfile.LNKTYPE, "gone.wav"), "link to gone.wav, which is not in the tar"),
        (("x.wav", tarfile.SYMTYPE, "/dev/zero"), "link to /dev/zero, which is not in the tar"),
        (("x.wav", tarfile.SYMTYPE, "x.wav"), "link to x.wav, which is not in the tar"),
        (("x.wav", tarfile.FIFOTYPE, ""), "is no file"),
        (("x.wav", tarfile.CHRTYPE, ""), "is no file"),
        (("x.wav", tarfile.DIRTYPE, ""), "is no file"),
    ],
)
def test_members_that_are_no_files_are_told(tmp_path, clip, entry, reason):
    clips, skipped = found(tmp_path, packed(clip, "a.wav", entry))
    assert clips == ["a.wav"]
    assert len(skipped) == 1 and skipped[0].startswith("t.tar/x.wav: ") and reason in skipped[0]


def test_what_follows_a_tar_and_is_none_is_told(tmp_path, clip):
    data = packed(clip, "a.wav")
    assert found(tmp_path, data + b"rubbish" * 200)[1] == [
        f"t.tar: not a whole, uncompressed tar from byte {len(data)} on: no header of a member"
    ]
    # A header in the middle is damaged: what is behind it cannot be found.
    whole = bytearray(packed(clip, "a.wav", "b.wav"))
    whole[512 + -(-len(clip) // 512) * 512 + 5] ^= 1
    clips, skipped = found(tmp_path, bytes(whole))
    assert clips == ["a.wav"] and len(skipped) == 1 and "from byte" in skipped[0]


def test_a_tar_that_was_cut_is_told_wherever_it_was_cut(tmp_path, clip):
    data = packed(clip, "a.wav", "b.wav")
    member = 512 + -(-len(clip) // 512) * 512
    for cut in (100, 512, 700, member - 400, member, member + 100, member + 512, 2 * member):
        clips, skipped = found(tmp_path, data[:cut])
        assert len(clips) + len(skipped) >= 1 and skipped, cut
        assert clips == ["a.wav", "b.wav"][: cut // member], cut


def test_rows_of_a_table_that_no_tar_has_are_told(tmp_path, clip):
    (tmp_path / "t.tsv").write_text("path\ttext\na.wav\tx\ngone.wav\ty\n")
    clips, skipped = found(tmp_path, packed(clip, "a.wav", "unlisted.wav"))
    assert (clips, skipped) == (["a.wav"], ["t.tsv: gone.wav: no such member in the tars"])
    faults = [one for one in inputs.find([str(tmp_path / "t.tar")]) if one.fault]
    assert [one.id for one in faults] == ["t.tsv: gone.wav"]
    (tmp_path / "t.tsv").write_text("path\na.wav\nt/a.wav\n")
    with pytest.raises(ValueError, match="lists a.wav twice"):
        found(tmp_path, packed(clip, "a.wav"))


@pytest.mark.parametrize("name", ["s3://x/a.wav", "http://x/a.wav", "file:///dev/zero.wav"])
def test_the_name_of_a_member_is_no_url(tmp_path, clip, name):
    (tmp_path / "t.tar").write_bytes(packed(clip, name))
    (one,) = inputs.find([str(tmp_path / "t.tar")])
    with decoding.opened(one) as (rate, chunks):
        assert (rate, sum(map(len, chunks))) == (RATE, 4000)


@pytest.mark.parametrize(
    "row",
    [
        "s3://nowhere/a.wav",
        "nothing://x/a.wav",
        "file:///dev/zero",
        "file:///nowhere.wav",
        "simplecache::file:///dev/zero",
        "/dev/zero",
        "pipe.wav",
        "http://127.0.0.1:9/a.wav",
    ],
)
def test_a_row_that_cannot_be_reached_is_one_error(tmp_path, speech, row):
    audio.write(tmp_path / "a.wav", speech(4000), RATE)
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "t.tsv").write_text(f"path\tid\na.wav\t1\n{row}\t2\n")
    shape = decoding.Shape(RATE, 4000, (10, 10))
    first, second = inputs.find([str(tmp_path / "t.tsv")])
    assert [piece.error for piece in decoding.pieces(first, shape)] == [""]
    (piece,) = decoding.pieces(second, shape)
    assert piece.last and piece.error and "\n" not in piece.error


def test_a_url_without_end_is_given_up(tmp_path, monkeypatch):
    import fsspec

    monkeypatch.setattr(decoding, "REMOTE_BYTES", 3 << 20)
    with fsspec.open("memory://long.wav", "wb") as file:
        file.write(bytes(4 << 20))
    (tmp_path / "t.txt").write_text("memory://long.wav\n")
    (one,) = inputs.find([str(tmp_path / "t.txt")])
    (piece,) = decoding.pieces(one, decoding.Shape(RATE, 4000, (10, 10)))
    assert "more than" in piece.error


def test_folders_behind_links_are_searched_and_circles_are_not(tmp_path, speech, caplog):
    outside = tmp_path / "outside" / "deep"
    outside.mkdir(parents=True)
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for place in (folder / "a.wav", outside / "b.wav"):
        audio.write(place, speech(4000), RATE)
    (folder / "link").symlink_to(outside.parent)
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "itself").symlink_to(folder / "itself")
    os.mkfifo(folder / "pipe.wav")
    names = [path.relative_to(folder).as_posix() for path in find([folder], (".wav",))]
    assert names == ["a.wav", "itself", "link/deep/b.wav"]
    assert "pipe.wav: is a pipe" in caplog.text
    assert [one.id for one in inputs.find([str(folder)])] == [
        "a.wav",
        "itself",
        "link/deep/b.wav",
        "pipe.wav",
    ]
    clips = sources.open_clips([str(folder)], RATE)
    assert [clip.name for clip in clips] == ["a.wav", "link/deep/b.wav"]


def test_pipes_and_folders_that_are_called_tars_are_named(tmp_path, clip):
    folder = tmp_path / "set"
    (folder / "folder.tar").mkdir(parents=True)
    os.mkfifo(folder / "pipe.tar")
    (folder / "t.tar").write_bytes(packed(clip, "a.wav"))
    clips = sources.open_clips([str(folder)], RATE)
    assert [clip.name for clip in clips] == ["a.wav"]
    assert {Path(path).name: reason for path, reason in clips.skipped} == {
        "folder.tar": "is a folder, not a tar",
        "pipe.tar": "is a pipe, not a tar",
    }
    assert len(inputs.find([str(folder)])) == 3


def test_a_folder_of_tars_hides_no_audio(tmp_path, clip, speech):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "t.tar").write_bytes(packed(clip, "a.wav"))
    assert len(inputs.find([str(folder)])) == 1
    audio.write(folder / "b.wav", speech(4000), RATE)
    for find_all in (inputs.find, lambda places: sources.open_clips(places, RATE)):
        with pytest.raises(ValueError, match=r"set: holds tars, and b.wav beside them"):
            find_all([str(folder)])


def test_a_member_of_negative_size_leads_nowhere(tmp_path, clip):
    data = bytearray(packed(clip, "a.wav", "b.wav"))
    data[124:136] = b"\xff" * 10 + b"\xfc\x00"  # -1024
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    (tmp_path / "t.tar").write_bytes(data)
    (one,) = inputs.find([str(tmp_path / "t.tar")])
    assert "damaged" in one.fault


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_name_that_announces_more_than_memory_is_refused_unread(tmp_path, kind):
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = kind, 8**11 - 1
    path = tmp_path / "a.tar"
    with open(path, "wb") as file:
        file.write(entry.tobuf(tarfile.GNU_FORMAT))
        file.truncate(20 << 30)
    [found] = inputs.find([str(path)])
    assert "8589934591 bytes" in found.fault or "8589934592 bytes" in found.fault
