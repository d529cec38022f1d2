"""Which outputs inputs get, and what is told of odd names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotok_jax import jobs
from audiotok_jax.jobs import JobList, targets_at
from audiotok_jax.terminal import printable

AUDIO, TOKENS = (".wav", ".flac"), (".atok", ".npy")


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Makes empty files and gives the outputs that a command would have, by input."""
    monkeypatch.chdir(tmp_path)

    def outputs(names: str, *inputs: str, out: str | None = "out/") -> dict[str, str]:
        for name in names.split():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
        listed = JobList(inputs, AUDIO, targets_at(list(inputs), out, TOKENS), force=False)
        return {str(job.source): str(job.outputs[0]) for job in listed.jobs}

    return outputs


def test_names_keep_their_suffix_where_they_would_clash_and_only_there(outputs):
    assert outputs("in/a.wav in/a.flac in/b.wav in/s/a.wav", "in") == {
        "in/a.wav": "out/a.wav.atok",
        "in/a.flac": "out/a.flac.atok",
        "in/b.wav": "out/b.atok",
        "in/s/a.wav": "out/s/a.atok",
    }


def test_beside_the_input_too(outputs):
    assert outputs("a.wav a.flac b.flac", "a.wav", "a.flac", "b.flac", out=None) == {
        "a.wav": "a.wav.atok",
        "a.flac": "a.flac.atok",
        "b.flac": "b.atok",
    }


def test_a_name_that_another_one_gets_by_keeping_its_suffix(outputs):
    assert outputs("in/a.wav in/a.flac in/a.wav.flac in/b.wav", "in") == {
        "in/a.wav": "out/a.wav.atok",
        "in/a.flac": "out/a.flac.atok",
        "in/a.wav.flac": "out/a.wav.flac.atok",
        "in/b.wav": "out/b.atok",
    }


def test_case_and_composed_letters_clash_as_on_the_file_systems_that_fold_them(outputs):
    composed, apart = "é", "e\u0301"
    assert outputs(f"in/A.wav in/a.flac in/{composed}.wav in/{apart}.flac in/b.wav", "in") == {
        "in/A.wav": "out/A.wav.atok",
        "in/a.flac": "out/a.flac.atok",
        f"in/{composed}.wav": f"out/{composed}.wav.atok",
        f"in/{apart}.flac": f"out/{apart}.flac.atok",
        "in/b.wav": "out/b.atok",
    }


def test_names_that_differ_in_case_alone(outputs, monkeypatch):
    found = outputs("in/a.wav in/A.wav", "in")
    assert set(found.values()) == {"out/a.wav.atok", "out/A.wav.atok"}
    monkeypatch.setattr(jobs, "folds_case", lambda _: True)
    with pytest.raises(ValueError, match=r"in/A.wav and in/a.wav would both become out/a.wav.atok"):
        outputs("", "in")


def test_two_folders(outputs):
    names = "x/a.wav y/a.flac x/b.wav y/c.wav"
    assert outputs(names, "x", "y") == {
        "x/a.wav": "out/a.wav.atok",
        "y/a.flac": "out/a.flac.atok",
        "x/b.wav": "out/b.atok",
        "y/c.wav": "out/c.atok",
    }
    with pytest.raises(ValueError, match=r"x/b.wav and y/b.wav would both become .*-o of its own"):
        outputs("y/b.wav", "x", "y")


def test_all_outputs_of_an_input_count(outputs):
    """Those of `roundtrip`, which writes NAME.original.wav beside NAME.wav."""
    outputs("in/a.wav in/a.original.wav in/b.wav")
    suffixes = (".wav", ".original.wav")

    def targets(_: Path, inside: Path) -> tuple[Path, ...]:
        return tuple(Path("out", inside).with_suffix(suffix) for suffix in suffixes)

    listed = JobList(["in"], AUDIO, targets, force=False)
    assert {str(job.source): list(map(str, job.outputs)) for job in listed.jobs} == {
        "in/a.wav": ["out/a.wav.wav", "out/a.wav.original.wav"],
        "in/a.original.wav": ["out/a.original.wav.wav", "out/a.original.wav.original.wav"],
        "in/b.wav": ["out/b.wav", "out/b.original.wav"],
    }


def test_one_output_for_one_input_stays_as_it_is_named(outputs):
    assert outputs("a.wav a.flac", "a.wav", out="b.npy") == {"a.wav": "b.npy"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ü 語 👩\u200d🎤", "plain, ü 語 👩\u200d🎤"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x00\x85\u2028", r"\x1b[2J\x00\x85\u2028"),
        ("\udcff", r"\udcff"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown
