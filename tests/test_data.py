"""What is found in folders, tables, tars and datasets, and how it is drawn."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile
from orbax.checkpoint import v1 as ocp

from audiotok_jax import audio
from audiotok_jax.cli import main
from audiotok_jax.data import pipeline, sampler, sources
from audiotok_jax.data.augment import Augment
from audiotok_jax.data.build import build, destination
from audiotok_jax.data.clips import Clip
from audiotok_jax.data.targets import Targets

RATE = 16000
CROP = 4000
# Lengths in seconds and rates in Hz: of 16 bits and not, to be resampled, in two and three pieces.
FILES = {
    "long/a.flac": (61.0, RATE),
    "long/b.opus": (31.0, RATE),
    "long/c.flac": (5.0, RATE),
    "other/rate.flac": (2.0, 22050),
    "other/vorbis.ogg": (1.5, 44100),
    "other/wave.wav": (1.0, 8000),
    "short/0.flac": (0.2, RATE),
    "short/1.flac": (0.3, RATE),
}


def write(root: Path, speech) -> Path:
    for seed, (name, (seconds, rate)) in enumerate(FILES.items()):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        audio.write(root / name, speech(int(rate * seconds), seed, rate), rate)
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory, speech) -> Path:
    return write(tmp_path_factory.mktemp("folder") / "speech", speech)


@pytest.fixture(scope="module")
def table(folder, tmp_path_factory) -> Path:
    """The files of `folder`, listed in a wild order."""
    root = tmp_path_factory.mktemp("table")
    (root / "speech").symlink_to(folder)
    rows = [f"./speech/{name}\t{name.split('/')[0]}\n" for name in reversed(FILES)]
    (root / "speech.tsv").write_text("path\tcorpus\n" + "".join(rows))
    return root / "speech.tsv"


@pytest.fixture(scope="module")
def tars(folder, tmp_path_factory) -> str:
    """The same in two tars, dealt out in turn."""
    root = tmp_path_factory.mktemp("tars")
    for shard in range(2):
        with tarfile.open(root / f"speech-{shard:03}.tar", "w") as tar:
            for name in list(FILES)[shard::2]:
                tar.add(folder / name, f"speech/{name}")
    return str(root / "speech-{000..001}.tar")


@pytest.fixture(scope="module")
def dataset(folder, tmp_path_factory) -> str:
    """The same as a TFDS dataset."""
    built = destination("speech", str(tmp_path_factory.mktemp("tfds")), "train", False)
    build(sources.open_clips([str(folder)], RATE), built)
    return f"tfds:{built}"


@pytest.fixture(scope="module")
def clips(folder) -> sources.Clips:
    return sources.open_clips([str(folder)], RATE)


def batches(clips, seed: int = 0, size: int = 4, **options) -> pipeline.Loader:
    return pipeline.Loader(clips, CROP, size, seed, **options)


def draw(clips, count: int, **options) -> list[pipeline.Crops]:
    data = batches(clips, **options)
    drawn = [next(data) for _ in range(count)]
    data.close()
    return drawn


def assert_same(first: list[pipeline.Crops], second: list[pipeline.Crops]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.clip, other.clip)
        np.testing.assert_array_equal(one.audio, other.audio)


# What is found


def test_the_folders_below_a_folder_are_its_corpora_and_long_files_count_several_times(clips):
    found = [(clip.corpus, clip.name, round(clip.seconds, 2)) for clip in clips]
    assert found == [
        ("long", "long/a.flac", 20.33),
        ("long", "long/a.flac", 20.33),
        ("long", "long/a.flac", 20.33),
        ("long", "long/b.opus", 15.5),
        ("long", "long/b.opus", 15.5),
        ("long", "long/c.flac", 5.0),
        ("other", "other/rate.flac", 2.0),
        ("other", "other/vorbis.ogg", 1.5),
        ("other", "other/wave.wav", 1.0),
        ("short", "short/0.flac", 0.2),
        ("short", "short/1.flac", 0.3),
    ]
    assert clips.seconds == pytest.approx(sum(seconds for seconds, _ in FILES.values()))
    assert not clips.skipped


def test_pieces_of_a_file_are_the_file(clips, folder):
    for name in FILES:
        whole, _ = audio.read(folder / name, RATE)
        pieces = [clips.read(number) for number, clip in enumerate(clips) if clip.name == name]
        np.testing.assert_array_equal(np.concatenate(pieces), audio.to_pcm(whole))


def test_the_four_kinds_of_source_give_the_same_samples(clips, table, tars, dataset):
    expected = draw(clips, 18)
    for location in (str(table), tars, dataset):
        found = sources.open_clips([location], RATE)
        assert found.fingerprint == clips.fingerprint, location
        assert_same(draw(found, 18), expected)


def test_a_folder_of_tars_and_a_pattern_name_the_same(tars):
    by_pattern = sources.open_clips([tars.replace("{000..001}", "*")], RATE)
    one_by_one = [tars.replace("{000..001}", number) for number in ("000", "001")]
    in_folder = sources.open_clips([str(Path(tars).parent)], RATE)
    assert Counter(clip.path for clip in in_folder) == Counter(clip.path for clip in by_pattern)
    each = sources.open_clips(one_by_one, RATE)
    assert {(clip.corpus, clip.name) for clip in each} == {
        (clip.corpus, clip.name) for clip in by_pattern
    }


def test_a_table_beside_tars_says_which_members_are_clips(tars, tmp_path):
    shutil.copytree(Path(tars).parent, tmp_path / "tars")
    (tmp_path / "tars" / "speech.csv").write_text(
        "path,corpus,speaker\nspeech/long/c.flac,mine,Ann\nshort/0.flac,mine,\n"
    )
    found = sources.open_clips([str(tmp_path / "tars" / "speech-*.tar")], RATE)
    assert [(clip.name, clip.corpus, clip.speaker) for clip in found] == [
        ("long/c.flac", "mine", "Ann"),
        ("short/0.flac", "mine", ""),
    ]


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl", ".parquet"])
def test_a_table_beside_a_folder_describes_it(folder, tmp_path, suffix):
    (tmp_path / "set").symlink_to(folder)
    # The folder is looked for where it really lies.
    (tmp_path / "real").mkdir()
    shutil.copytree(folder, tmp_path / "real" / "set")
    place = tmp_path / "real" / f"set{suffix}"
    rows = [
        {"path": "set/short/1.flac", "corpus": "one", "language": "de", "speaker": "Ann"},
        {"path": "set/short/0.flac", "corpus": "two", "language": "", "speaker": "7"},
    ]
    if suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), place)
    elif suffix == ".jsonl":
        place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        mark = "," if suffix == ".csv" else "\t"
        lines = [rows[0].keys(), *(row.values() for row in rows)]
        place.write_text("".join(mark.join(line) + "\n" for line in lines))
    for location in (place, place.with_suffix("")):
        found = sources.open_clips([str(location)], RATE)
        assert [(clip.corpus, clip.language, clip.speaker) for clip in found] == [
            ("one", "de", "Ann"),
            ("two", "", "7"),
        ]
        assert [clip.corpus for clip in sources.listing(str(location), RATE).clips] == [
            "two",
            "one",
        ]


def test_a_part_of_a_dataset_can_be_named(clips, dataset):
    found = sources.open_clips([f"{dataset}:train[:2]+train[-3:]"], RATE)
    assert [clip.name for clip in found] == [clips[i].name for i in (0, 1, 8, 9, 10)]
    np.testing.assert_array_equal(found.read(3), clips.read(9))


def test_a_dataset_without_our_table_is_read_once_to_learn_its_lengths(clips, dataset, tmp_path):
    copy = tmp_path / "speech" / "1.0.0"
    shutil.copytree(dataset.removeprefix("tfds:"), copy)
    (copy / "clips-train.parquet").unlink()
    found = sources.open_clips([f"tfds:{copy}"], RATE)
    assert [clip[1:5] for clip in found] == [clip[1:5] for clip in clips]
    for number in range(len(clips)):
        np.testing.assert_array_equal(found.read(number), clips.read(number))


def test_the_fingerprint_follows_the_clips(clips, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "speech")
    assert sources.open_clips([str(tmp_path / "speech")], RATE).fingerprint == clips.fingerprint
    (tmp_path / "speech" / "short" / "0.flac").unlink()
    assert sources.open_clips([str(tmp_path / "speech")], RATE).fingerprint != clips.fingerprint


def test_what_is_no_source_is_an_error_of_one_line(folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "no-path.tsv").write_text("file\tseconds\nx.wav\t1\n")
    (tmp_path / "a-gap.csv").write_text("path,corpus\nx.wav,a\n,b\n")
    (tmp_path / "broken.jsonl").write_text('{"path": "x.wav"}\n{"path"\n')
    (tmp_path / "list.jsonl").write_text('["x.wav"]\n')
    (tmp_path / "no.parquet").write_text("PAR1")
    (tmp_path / "absent.tsv").write_text("path\nabsent.wav\n")
    (tmp_path / "text.tar").write_text("no tar" * 200)
    for name, complaint in {
        "nowhere": "no such file",
        "nowhere-{0..3}.tar": "No such file",
        "empty": "no file in this folder",
        "no-path.tsv": "no column 'path'",
        "a-gap.csv": "line 3 has no 'path'",
        "broken.jsonl": "broken.jsonl: ",
        "list.jsonl": "is no JSON object",
        "no.parquet": "no.parquet: ",
        "absent.tsv": "No such file",
        "text.tar": "not a whole, uncompressed tar",
        "tfds:nothing_like_this": "not found",
        "tfds:/nowhere": "/nowhere",
        "tfds:": "NAME",
    }.items():
        location = name if name.startswith("tfds:") else str(tmp_path / name)
        with pytest.raises((ValueError, OSError), match=complaint.replace("[", r"\[")):
            sources.open_clips([location], RATE)
        assert main(["data", "info", location]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1, name
    with pytest.raises(ValueError, match="is no table"):
        sources.open_clips([str(folder / "short" / "0.flac")], RATE)


# How it is drawn


def test_the_seed_alone_decides_the_batches(clips):
    first = draw(clips, 5)
    assert_same(first, draw(clips, 5))
    assert not np.array_equal(first[0].audio, draw(clips, 5, seed=1)[0].audio)
    assert first[0].audio.shape == (4, CROP) and first[0].audio.dtype == np.float32
    assert first[0].clip.shape == (4,) and first[0].clip.dtype == np.int32


def test_a_row_is_a_part_of_its_clip(clips):
    for batch in draw(clips, 10, augment=Augment(gain=0.0)):
        for wave, number in zip(batch.audio, batch.clip, strict=True):
            whole = clips.read(number) / np.float32(32768)
            if len(whole) <= CROP:
                np.testing.assert_array_equal(wave[: len(whole)], whole)
                assert not wave[len(whole) :].any()
                continue
            found = np.lib.stride_tricks.sliding_window_view(whole, CROP)
            starts = np.flatnonzero(found[:, 0] == wave[0])
            assert any(np.array_equal(found[start], wave) for start in starts)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_the_batches_of_one(clips, processes):
    parts = [
        draw(clips, 8, process_index=index, process_count=processes) for index in range(processes)
    ]
    together = [
        pipeline.Crops(*map(np.concatenate, zip(*rows, strict=True)))
        for rows in zip(*parts, strict=True)
    ]
    assert_same(together, draw(clips, 8))


def test_an_iterator_continues_where_its_state_was_taken(clips):
    data = batches(clips)
    for _ in range(11):
        next(data)
    state = data.get_state()
    assert state == {"step": 11}
    rest = [next(data) for _ in range(8)]
    resumed = batches(clips)
    next(resumed)
    resumed.set_state(state)
    assert_same(rest, [next(resumed) for _ in range(8)])
    parts = []
    for index in range(2):
        part = batches(clips, process_index=index, process_count=2)
        part.set_state(state)
        parts.append(next(part).audio)
        part.close()
    np.testing.assert_array_equal(np.concatenate(parts), rest[0].audio)
    data.close(), resumed.close()


def test_orbax_saves_and_restores_it(clips, tmp_path):
    data = batches(clips)
    for _ in range(7):
        next(data)
    ocp.save_checkpointables(tmp_path / "save", {"data": data})
    restored = batches(clips)
    ocp.load_checkpointables(tmp_path / "save", {"data": restored})
    assert_same([next(restored)], [next(data)])
    data.close(), restored.close()


def test_corpora_are_drawn_by_a_power_of_their_hours_or_by_given_weights(clips):
    hours = {"long": 97.0, "other": 4.5, "short": 0.5}

    def shares(given: dict[str, float]) -> dict[str, float]:
        weights = sampler.corpus_weights(clips, given)
        drawing = sampler.Sampler(clips, CROP, 8, 0, weights)
        picks = [drawing.pick(step, row) for step in range(4000) for row in range(8)]
        counts = Counter(clips[pick.clip].corpus for pick in picks)
        return {corpus: counts[corpus] / len(picks) for corpus in hours}

    total = sum(length**0.7 for length in hours.values())
    expected = {corpus: length**0.7 / total for corpus, length in hours.items()}
    assert shares({}) == pytest.approx(expected, abs=0.003)
    given = {"long": 1.0, "other": 0.0, "short": 3.0}
    assert shares(given) == pytest.approx({"long": 0.25, "other": 0.0, "short": 0.75}, abs=0.003)


def test_an_epoch_hears_each_part_of_each_clip_once():
    lengths = [10, 1, 7, 3, 22, 5]
    clips = [
        Clip(str(number), str(number), "one", length * CROP, 1.0, RATE)
        for number, length in enumerate(lengths)
    ]
    drawing = sampler.Sampler(clips, CROP, 3, 0, {"one": 1.0})
    # From the first full turn of all lanes on, and for so long that all runs are whole.
    turns = range(sampler.RUN, sampler.RUN * (1 + sum(lengths)))
    steps = [turn * sampler.LANES + lane for turn in turns for lane in range(sampler.LANES)]
    picks = Counter(drawing.pick(step, row) for step in steps for row in range(3))
    assert {(pick.clip, pick.slot) for pick in picks} == {
        (clip, slot) for clip, length in enumerate(lengths) for slot in range(length)
    }
    epochs = len(steps) * 3 / sum(lengths)
    assert max(picks.values()) - epochs < sampler.RUN and epochs - min(picks.values()) < sampler.RUN


def spoken(crops: dict[str, list[int]], corpus: str = "one") -> list[Clip]:
    """Clips of speakers, each of so many crops."""
    return [
        Clip(
            f"{speaker}{number}", f"{speaker}{number}", corpus, length * CROP, length * CROP / RATE,
            RATE, columns={"speaker": speaker} if speaker else {},
        )
        for speaker, lengths in crops.items()
        for number, length in enumerate(lengths)
    ]  # fmt: skip


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_speakers_of_a_corpus_are_drawn_by_a_power_of_their_hours(power):
    lengths = {"loud": 400, "middle": 100, "rare": 25}
    clips = spoken({speaker: [5] * (length // 5) for speaker, length in lengths.items()})
    drawing = sampler.Sampler(clips, CROP, 8, 0, {"one": 1.0}, power)
    picks = [drawing.pick(step, row) for step in range(8000) for row in range(8)]
    counts = Counter(clips[pick.clip].speaker for pick in picks)
    total = sum(length**power for length in lengths.values())
    for speaker, length in lengths.items():
        assert counts[speaker] / len(picks) == pytest.approx(length**power / total, abs=0.015)
    # And of each of them, all of it, equally often.
    for speaker, length in lengths.items():
        own = Counter(
            (pick.clip, pick.slot) for pick in picks if clips[pick.clip].speaker == speaker
        )
        assert len(own) == length
        assert max(own.values()) - min(own.values()) <= 2 * sampler.RUN


def test_speech_of_nobody_known_has_its_share_of_the_hours():
    shares = sampler.turns({"": 6.0, "a": 3.0, "b": 1.0}, 0.0)
    total = sum(shares.values())
    assert {name: turns / total for name, turns in shares.items()} == pytest.approx(
        {"": 0.6, "a": 0.2, "b": 0.2}, abs=0.02
    )
    assert set(sampler.turns({"": 6.0}, 0.5)) == {""}


def test_corpora_keep_their_weights_whoever_speaks_in_them():
    clips = spoken({"a": [50], "b": [1]}, "many") + spoken({"c": [50]}, "single")
    drawing = sampler.Sampler(clips, CROP, 4, 0, {"many": 1.0, "single": 3.0}, 0.0)
    picks = [drawing.pick(step, row) for step in range(4000) for row in range(4)]
    counts = Counter(clips[pick.clip].corpus for pick in picks)
    assert counts["single"] / len(picks) == pytest.approx(0.75, abs=0.01)


def test_what_is_drawn_of_speakers_is_a_function_of_the_step_alone():
    clips = spoken({name: [3, 7, 2] for name in "abcdefgh"})
    forward, back = (sampler.Sampler(clips, CROP, 4, 5, {"one": 1.0}) for _ in range(2))
    steps = [(step, row) for step in range(600) for row in range(4)]
    found = {place: forward.pick(*place) for place in steps}
    assert all(back.pick(*place) == found[place] for place in reversed(steps))
    other = sampler.Sampler(clips, CROP, 4, 6, {"one": 1.0})
    assert any(other.pick(*place) != found[place] for place in steps)


def test_a_clip_is_decoded_once_for_many_crops(clips, monkeypatch):
    read = Counter()

    def counted(self, number):
        read[number] += 1
        return np.zeros(self[number].num_samples, np.int16)

    monkeypatch.setattr(sources.Clips, "read", counted)
    steps = batches(clips, weights={"short": 0.0, "other": 0.0})._steps
    for step in range(sampler.LANES * sampler.RUN):
        steps[step]
    crops = sampler.LANES * sampler.RUN * 4
    assert read.total() < crops / 5


def test_neighbouring_batches_do_not_share_a_run():
    clips = [
        Clip(str(number), str(number), "one", sampler.RUN * CROP, 1.0, RATE)
        for number in range(200)
    ]
    drawing = sampler.Sampler(clips, CROP, 4, 0, {"one": 1.0})
    for first in (0, 100):
        steps = range(first, first + sampler.LANES)
        picked = {drawing.pick(step, row).clip for step in steps for row in range(4)}
        assert len(picked) == sampler.LANES * 4


def test_settings_that_do_not_fit_are_refused(clips):
    with pytest.raises(ValueError, match="batch_size=4 cannot be shared equally by 3"):
        batches(clips, process_count=3)
    with pytest.raises(ValueError, match="seed"):
        batches(clips, seed=-1)
    with pytest.raises(ValueError, match="band_hz must lie below 8000 Hz"):
        batches(clips, augment=Augment(band=0.1, band_hz=(2000.0, 8000.0)))
    for power in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="speaker_power must be 0 to 1"):
            batches(clips, speaker_power=power)
    for weights, complaint in (
        ({"gone": 1.0}, "corpus gone, but the corpora are long, other, short"),
        ({"long": -1.0}, "0 or more, not -1"),
        ({"long": float("nan")}, "0 or more, not nan"),
        ({"long": 0.0, "other": 0.0, "short": 0.0}, "all corpora"),
    ):
        with pytest.raises(ValueError, match=complaint):
            batches(clips, weights=weights)
    given = [clip._replace(columns={"weight": str(number)}) for number, clip in enumerate(clips)]
    with pytest.raises(ValueError, match="corpus long: its rows differ"):
        sampler.corpus_weights(given, {})
    given = [clip._replace(columns={"weight": "2"}) for clip in clips]
    assert sampler.corpus_weights(given, {"long": 5.0}) == {"long": 5.0, "other": 2.0, "short": 2.0}
    with pytest.raises(ValueError, match="must be a number, not 'much'"):
        sampler.corpus_weights([clips[0]._replace(columns={"weight": "much"})], {})


def test_a_changed_crop_is_the_same_for_all_who_read_it(clips, folder):
    augment = Augment(
        reverb=0.5, reverb_data=(str(folder / "short"),),
        noise=0.5, noise_data=(str(folder / "other"),), band=0.5, speed=0.5,
    )  # fmt: skip
    changed = draw(clips, 6, augment=augment)
    assert not np.array_equal(changed[0].audio, draw(clips, 1)[0].audio)
    part = batches(clips, augment=augment, process_index=1, process_count=2)
    part.set_state({"step": 5})
    np.testing.assert_array_equal(next(part).audio, changed[5].audio[2:])
    part.close()


# Targets


@pytest.fixture
def targets(clips, folder, tmp_path) -> Path:
    """The clips of `folder` at half their level, as WAV."""
    for clip in clips:
        path = (tmp_path / "targets" / clip.name).with_suffix(".wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():  # a long file is several clips
            whole = audio.read(folder / clip.name, RATE)[0]
            soundfile.write(path, 0.5 * whole, RATE, "PCM_16")
    return tmp_path / "targets"


def test_a_crop_and_its_target_are_the_same_part_of_the_clip(clips, targets):
    augment = Augment(speed=0.5)
    plain = draw(clips, 10, augment=augment)
    paired = draw(clips, 10, augment=augment, targets=str(targets))
    for one, other in zip(plain, paired, strict=True):
        for same in (one.target, one.speech, other.audio, other.speech):
            np.testing.assert_array_equal(same, one.audio)
        np.testing.assert_allclose(other.target, 0.5 * one.audio, atol=1e-3)
        assert np.abs(other.target).max() > 0.01


def test_noise_is_heard_but_is_not_in_the_target(clips, folder, targets):
    noisy = Augment(noise=1.0, noise_data=(str(folder / "other"),), gain=0.0)
    for batch in draw(clips, 5, augment=noisy, targets=str(targets)):
        assert np.abs(batch.audio - batch.speech).max() > 1e-3
        np.testing.assert_allclose(batch.target, 0.5 * batch.speech, atol=1e-4)
    for batch in draw(clips, 5, augment=noisy):
        np.testing.assert_array_equal(batch.speech, batch.audio)
        np.testing.assert_array_equal(batch.target, batch.audio)


def test_a_clip_without_a_target_of_its_length_is_named(clips, targets):
    path = targets / clips[0].name
    path = path.with_suffix(".wav")
    soundfile.write(path, np.zeros(2000), RATE)
    with pytest.raises(ValueError, match=f"{path.name}: has 2000 samples where .* has"):
        batches(clips, targets=str(targets))
    path.unlink()
    with pytest.raises(ValueError, match=f"has no target for {clips[0].path}"):
        batches(clips, targets=str(targets))
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        batches(clips, targets=str(targets / "gone"))


def test_a_target_that_cannot_be_read_is_skipped_as_a_clip_is(clips, targets):
    bad = targets / "long" / "c.wav"
    wave, _ = soundfile.read(bad)
    wave[len(wave) // 2] = np.nan
    soundfile.write(bad, wave, RATE, "FLOAT")
    data = batches(clips, targets=str(targets))
    drawn = np.concatenate([next(data).clip for _ in range(30)])
    assert {one.path for one in data.skipped} == {str(bad)}
    assert "long/c.flac" not in {clips[number].name for number in drawn}
    data.close()


def test_a_clip_is_cut_to_what_there_is_of_its_target(clips, targets, monkeypatch):
    whole = Targets.read
    monkeypatch.setattr(Targets, "read", lambda self, number: whole(self, number)[:2000])
    for batch in draw(clips, 5, targets=str(targets), augment=Augment(gain=0.0)):
        np.testing.assert_allclose(batch.target, 0.5 * batch.audio, atol=1e-4)
        assert batch.audio[:, :2000].any() and not batch.audio[:, 2000:].any()


# What cannot be read


@pytest.fixture(scope="module")
def damaged(folder, tmp_path_factory) -> Path:
    """A folder of which the header shows some files to be bad, and only decoding others."""
    root = tmp_path_factory.mktemp("damaged") / "set"
    root.mkdir()
    good = (folder / "long" / "c.flac").read_bytes()
    (root / "good.flac").write_bytes(good)
    (root / "good2.flac").write_bytes((folder / "other" / "rate.flac").read_bytes())
    (root / "empty.flac").write_bytes(b"")
    (root / "text.wav").write_bytes(b"no audio at all")
    soundfile.write(root / "short.wav", np.zeros(1599), RATE)
    middle = len(good) // 2
    (root / "bad.flac").write_bytes(good[:middle] + bytes(2000) + good[middle + 2000 :])
    (root / "cut.flac").write_bytes(good[:middle])
    wave = np.zeros(40000, np.float32)
    wave[30000] = np.nan
    soundfile.write(root / "nan.wav", wave, RATE, "FLOAT")
    return root


@pytest.fixture(scope="module")
def damaged_clips(damaged) -> sources.Clips:
    return sources.open_clips([str(damaged)], RATE)


def test_what_the_header_shows_to_be_bad_is_listed_with_the_reason(damaged, damaged_clips):
    found = {Path(path).name: reason for path, reason in damaged_clips.skipped}
    assert found.keys() == {"empty.flac", "text.wav", "short.wav", "cut.flac"}
    assert found["empty.flac"] == "the file is empty"
    assert found["short.wav"] == "0.100 s is too short; at least 0.1 s is needed"
    assert [clip.name for clip in damaged_clips] == [
        "bad.flac", "good.flac", "good2.flac", "nan.wav",
    ]  # fmt: skip


def test_what_turns_out_to_be_bad_is_replaced_alike_for_all_who_read_it(damaged_clips):
    data = batches(damaged_clips)
    drawn = [next(data) for _ in range(30)]
    found = {Path(path).name: reason for path, reason in data.skipped}
    assert found.keys() == {"bad.flac", "nan.wav"}
    assert found["nan.wav"] == "samples hold NaN or infinity"
    assert set(np.concatenate([batch.clip for batch in drawn])) == {1, 2}
    data.set_state({"step": 17})
    assert_same([next(data) for _ in range(13)], drawn[17:])
    half = draw(damaged_clips, 30, process_index=1, process_count=2)
    assert_same(half, [pipeline.Crops(*(rows[2:] for rows in batch)) for batch in drawn])
    data.close()


def test_worker_processes_change_nothing(damaged_clips):
    expected = draw(damaged_clips, 27)
    data = batches(damaged_clips, workers=2)
    assert_same([next(data) for _ in range(10)], expected[:10])
    assert {Path(path).name for path, _ in data.skipped} == {"bad.flac", "nan.wav"}
    data.set_state({"step": 20})
    assert_same([next(data) for _ in range(7)], expected[20:])
    data.close()


def test_data_of_which_nothing_can_be_read_is_one_error(damaged, tmp_path):
    shutil.copy(damaged / "nan.wav", tmp_path)
    data = batches(sources.open_clips([str(tmp_path)], RATE))
    with pytest.raises(ValueError, match=r"none can be read; .*nan\.wav: samples hold NaN"):
        next(data)
    data.close()
    (tmp_path / "nan.wav").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no readable audio there; 1 left out, .*nan\.wav: the"):
        sources.open_clips([str(tmp_path)], RATE)


def test_a_file_that_vanishes_stops_the_run(folder, tmp_path):
    shutil.copy(folder / "short" / "0.flac", tmp_path)
    clips = sources.open_clips([str(tmp_path)], RATE)
    (tmp_path / "0.flac").unlink()
    data = batches(clips)
    with pytest.raises(FileNotFoundError, match=r"0\.flac"):
        next(data)
    data.close()


# Building a dataset


def test_a_built_dataset_holds_what_can_be_read_and_lists_the_rest(damaged, tmp_path, capsys):
    out = tmp_path / "datasets"
    arguments = ["data", "build", str(damaged), "--name", "speech", "--out", str(out)]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "2 clips" in said.out and "6 left out" in said.err
    folder = out / "speech" / "1.0.0"
    skipped = [json.loads(line) for line in (folder / "skipped.jsonl").read_text().splitlines()]
    assert {Path(one["path"]).name for one in skipped} == {
        "empty.flac", "text.wav", "short.wav", "cut.flac", "bad.flac", "nan.wav",
    }  # fmt: skip
    found = sources.open_clips([f"tfds:{folder}"], RATE)
    for number, name in enumerate(("good.flac", "good2.flac")):
        wave, _ = audio.read(damaged / name, RATE)
        np.testing.assert_array_equal(found.read(number), audio.to_pcm(wave))
    assert main(arguments) == 1
    assert "--force replaces it" in capsys.readouterr().err
    before = (folder / "dataset_info.json").stat().st_ino
    assert main([*arguments, "--force"]) == 0
    assert (folder / "dataset_info.json").stat().st_ino != before
    assert [path.name for path in out.iterdir()] == ["speech"]
    assert main(["data", "info", f"tfds:{folder}"]) == 0


def test_a_dataset_can_be_built_from_several_sources_with_their_columns(table, tars, tmp_path):
    clips = sources.open_clips([str(table), tars], RATE)
    given = destination("both", str(tmp_path), "test", False)
    build(clips, given, "test")
    found = sources.open_clips([f"tfds:{given}:test"], RATE)
    assert found.fingerprint == clips.fingerprint
    assert_same(draw(found, 10), draw(clips, 10))


def test_nothing_half_built_is_left(folder, tmp_path):
    clips = sources.open_clips([str(folder)], RATE)

    def interrupt(seconds: float, count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(clips, tmp_path / "speech" / "1.0.0", advance=interrupt)
    assert not list(tmp_path.iterdir())


def test_a_build_that_is_killed_leaves_no_dataset(folder, tmp_path):
    script = f"""
import os, signal
from pathlib import Path
from audiotok_jax.data import build, sources
def kill(seconds, count):
    os.kill(os.getpid(), signal.SIGKILL)
clips = sources.open_clips([{str(folder)!r}], 16000)
build.build(clips, Path({str(tmp_path)!r}, "speech", "1.0.0"), advance=kill)
"""
    killed = subprocess.run([sys.executable, "-c", script])
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "speech").exists()


def test_info_of_what_is_in_part_bad_ends_with_1(folder, tmp_path, capsys):
    shutil.copytree(folder / "short", tmp_path / "in")
    assert main(["data", "info", str(tmp_path / "in")]) == 0
    (tmp_path / "in" / "bad.wav").write_bytes(b"RIFF")
    assert main(["data", "info", str(tmp_path / "in")]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "bad.wav" in line


def test_no_clip_that_can_be_read_gives_no_dataset(damaged, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(damaged / "nan.wav", tmp_path / "in")
    clips = sources.open_clips([str(tmp_path / "in")], RATE)
    with pytest.raises(ValueError, match=r"none of 1 clips can be read; .*nan\.wav"):
        build(clips, tmp_path / "out" / "speech" / "1.0.0")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", [["--name", "Big Data"], ["--name", "a", "--split", "1:2"]])
def test_names_that_tfds_does_not_take_are_refused(folder, tmp_path, option, capsys):
    assert main(["data", "build", str(folder), "--out", str(tmp_path), *option]) == 1
    assert "lower-case" in capsys.readouterr().err


def test_tensorflow_is_never_imported(dataset):
    script = f"""
import sys
from audiotok_jax.data import build, sources
sources.open_clips([{dataset!r}], 16000).read(0)
assert "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
