"""Names of files for clips."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax.corpus.names import MAX_NAME, names
from audiotok_jax.files import fold


def test_a_good_id_is_its_name():
    ids = ["a.wav", "en/a.wav", "en/b c.wav", "it/è/語.flac", "x#3", "a", ".x/b", "a/icon.d", "-"]
    assert names(ids, ".atok") == {one: f"{one}.atok" for one in ids}


@pytest.mark.parametrize(
    "one",
    [
        "", ".", "..", "../x", "a/../x", "a/./b", "a//b", "/x", "/", "a/", "x" * 251, "語" * 90,
        "a/" * 600 + "b", "con", "NUL", "a/com1/b", "Aux.wav", "lpt9 .x", "a./b", "a /b", ".hidden",
        "a/.b",
        "a\nb", "a\x00b", "\udcff", "a-0123456789abcdef",
    ],
)  # fmt: skip
def test_an_id_that_is_no_good_gets_another_name(one):
    [name] = names([one], ".atok").values()
    assert "/" not in name and not name.startswith(".") and name.endswith(".atok")
    assert len(name.encode()) <= MAX_NAME
    assert name == names([one, "other"], ".atok")[one]  # whatever else there is


@pytest.mark.parametrize(
    "ids",
    [
        ["a/b", "a/./b", "a//b", "a/b/", "./a/b"],
        ["a/B", "A/b", "a/b"],
        ["Straße", "STRASSE"],
        ["é", "e\u0301"],
        ["a", "a.atok/b", "A.atok/c"],
        ["../x", "/x", "x", "a/../x"],
        ["x" * 300, "x" * 301, "y" + "x" * 300],
        ["a", "a-ca978112ca1bbdca", "A"],
    ],
)
def test_ids_that_are_one_name_somewhere_get_one_each(ids, tmp_path):
    check(ids)
    for path in names(ids, ".atok").values():  # none is a folder on the way of another one
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        with open(tmp_path / path, "x"):
            pass


@given(st.lists(st.text(st.sampled_from("aAé/.-~ \n\x00語"), max_size=6), unique=True))
def test_any_ids(ids):
    check(ids)


def check(ids: list[str]) -> None:
    """Fails unless each id has a name of its own that stays in the folder."""
    found = names(ids, ".atok")
    assert found.keys() == set(ids)
    assert len({fold(path) for path in found.values()}) == len(ids)
    for path in found.values():
        assert Path("/f", path).is_relative_to("/f") and ".." not in Path(path).parts
        assert str(Path(path)) == path
