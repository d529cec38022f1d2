"""Which clips are found, and how they are drawn."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from audiotok_jax import audio
from audiotok_jax.data import pipeline, sources


@pytest.fixture(scope="module")
def folder(tmp_path_factory, speech) -> Path:
    root = tmp_path_factory.mktemp("corpora")
    for corpus, count, seconds in (("long", 3, 2.0), ("short", 2, 0.2)):
        (root / corpus).mkdir()
        for number in range(count):
            wave = speech(int(16000 * seconds), seed=number)
            audio.write(root / corpus / f"{number}.flac", wave, 16000)
    return root


def test_the_folders_below_a_folder_are_its_corpora(folder):
    clips = sources.find_clips([str(folder)])
    assert [clip.corpus for clip in clips] == ["long"] * 3 + ["short"] * 2
    assert [clip.seconds for clip in clips] == [2.0] * 3 + [0.2] * 2


@pytest.mark.parametrize("suffix", [".tsv", ".csv"])
def test_a_table_beside_a_folder_describes_it(folder, tmp_path, suffix, caplog):
    shutil.copytree(folder, tmp_path / "set")
    mark = "," if suffix == ".csv" else "\t"
    rows = [["path", "corpus", "seconds"], ["set/long/0.flac", "one", "1.5"]]
    rows += [["set/short/1.flac", "two", ""], ["set/gone.flac", "two", "1.0"]]
    table = tmp_path / f"set{suffix}"
    table.write_text("".join(mark.join(row) + "\n" for row in rows))
    for location in (table, tmp_path / "set"):
        with caplog.at_level(logging.WARNING):
            clips = sources.find_clips([str(location)])
        assert [(clip.corpus, clip.seconds) for clip in clips] == [("one", 1.5), ("two", 0.2)]
        assert "gone.flac" in caplog.text


def test_a_file_that_is_no_audio_is_named_and_left_out(folder, tmp_path, caplog):
    (tmp_path / "good.flac").write_bytes((folder / "long" / "0.flac").read_bytes())
    (tmp_path / "bad.wav").write_bytes(b"no audio at all")
    with caplog.at_level(logging.WARNING):
        clips = sources.find_clips([str(tmp_path)])
    assert [Path(clip.path).name for clip in clips] == ["good.flac"]
    assert "bad.wav" in caplog.text


def test_what_holds_no_audio_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        sources.find_clips([str(tmp_path / "nowhere")])
    table = tmp_path / "table.tsv"
    table.write_text("file\tseconds\nx.wav\t1\n")
    with pytest.raises(ValueError, match="no column 'path'"):
        sources.find_clips([str(table)])
    table.write_text("path\n")
    with pytest.raises(ValueError, match="no readable audio"):
        sources.find_clips([str(table)])


def draw(folder: Path, count: int, seed: int = 0) -> list[np.ndarray]:
    clips = sources.find_clips([str(folder)])
    data = iter(pipeline.batches(clips, 8000, 4, 16000, seed))
    return [next(data) for _ in range(count)]


def test_the_seed_alone_decides_the_batches(folder):
    first, again, other = draw(folder, 5), draw(folder, 5), draw(folder, 5, seed=1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first[0].shape == (4, 8000) and first[0].dtype == np.float32


def test_an_iterator_continues_where_its_state_was_taken(folder):
    clips = sources.find_clips([str(folder)])
    data = iter(pipeline.batches(clips, 8000, 4, 16000, 0))
    for _ in range(3):
        next(data)
    state = data.get_state()
    rest = [next(data) for _ in range(3)]
    resumed = iter(pipeline.batches(clips, 8000, 4, 16000, 0))
    resumed.set_state(state)
    np.testing.assert_array_equal(rest, [next(resumed) for _ in range(3)])


def test_corpora_are_drawn_by_a_power_of_their_hours(folder):
    crops = np.concatenate(draw(folder, 100))
    # A clip of `short` fills two fifths of a crop, and zeros the rest.
    short = np.mean(np.all(crops[:, 3200:] == 0, axis=1) & np.any(crops != 0, axis=1))
    share = 0.4**0.7 / (0.4**0.7 + 6.0**0.7)
    assert abs(short - share) < 4 * np.sqrt(share * (1 - share) / len(crops))
