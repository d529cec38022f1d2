"""Tables: every row is a clip, or the table is refused with one line that names the row."""

from __future__ import annotations

import json

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax.corpus import inputs
from audiotok_jax.data import tables, text


def read(tmp_path, name: str, content: str | bytes) -> list[tables.Row]:
    place = tmp_path / name
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    return tables.read(place)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        # Common Voice: nothing is quoted in TSV.
        ("cv.tsv", 'path\tsentence\na.mp3\tHe said "stop\nb.mp3\tand went\n'),
        ("quote-first.tsv", 'path\tsentence\na.mp3\t"He said stop\nb.mp3\t"and went\n'),
        ("crlf.tsv", "path\tsentence\r\na.mp3\tx\r\n\r\nb.mp3\ty"),
        ("mac.tsv", "path\tsentence\ra.mp3\tx\rb.mp3\ty\r"),
        ("mark.tsv", b"\xef\xbb\xbfpath\tsentence\na.mp3\tx\nb.mp3\ty\n"),
        ("sixteen.tsv", "path\tsentence\na.mp3\tx\nb.mp3\ty\n".encode("utf-16")),
        ("separator.tsv", "path\tsentence\na.mp3\tx\u2028y\nb.mp3\tu\x85v\x1cw\n"),
        ("plain.csv", "path,sentence\na.mp3,x\nb.mp3,y\n"),
        ("quoted.csv", 'path,sentence\n"a.mp3","x, ""y"", z"\nb.mp3,y\n'),
        ("inner.csv", 'path,sentence\na.mp3,he said "hi" then\nb.mp3,y\n'),
        ("excel.csv", "\ufeffpath;sentence\r\na.mp3;x, y\r\nb.mp3;y\r\n"),
        ("tabs.csv", "path\tsentence\na.mp3\tx, y\nb.mp3\ty\n"),
        ("pandas.csv", ",path,sentence\n0,a.mp3,x\n1,b.mp3,y\n"),
        ("spaces.csv", "sentence, path\nx,a.mp3\ny,b.mp3\n"),
        ("mark.jsonl", '\ufeff{"path": "a.mp3"}\r\n\n{"path": "b.mp3", "x": [1, null]}'),
    ],
)
def test_every_row_is_read(tmp_path, name, content):
    assert [row.path for row in read(tmp_path, name, content)] == ["a.mp3", "b.mp3"]


def test_quotes_of_tsv_are_letters(tmp_path):
    rows = read(tmp_path, "cv.tsv", 'path\tsentence\na.mp3\t"a" and "b\n')
    assert rows[0].columns == {"sentence": '"a" and "b'}


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("ragged.tsv", "path\ta\nx.wav\t1\ny.wav\n", "line 3 has 1 fields, and the header 2"),
        ("wide.csv", "path,a\nx.wav,1,2\n", "line 2 has 3 fields"),
        ("open.csv", 'path,a\nx.wav,"1\ny.wav,2\n', "line 2"),
        ("swallowed.csv", 'path,a\nx.wav,"1\ny.wav,2"\nz.wav,3\n', "line 2 has a quoted field"),
        ("after.csv", 'path,a\nx.wav,"1"2\n', "line 2 is no CSV"),
        ("latin.tsv", "path\ta\nx.wav\t1\ncafé.wav\t2\n".encode("latin-1"), "line 3 is no UTF-8"),
        ("latin.csv", "path\nx.wav\ncaf\xe9.wav\n".encode("latin-1"), "line 3 is no UTF-8"),
        ("latin.jsonl", '{"path": "caf\xe9"}'.encode("latin-1"), "line 1 is no UTF-8"),
        ("nul.tsv", "path\nx.wav\ny\0.wav\n", "line 3 holds a NUL byte"),
        ("unmarked.tsv", "path\nx.wav\n".encode("utf-16-le"), "NUL byte"),
        ("twice.tsv", "path\tpath\na.wav\tb.wav\n", "'path' is there twice"),
        ("empty.tsv", "", "no column 'path'"),
        ("pipe.csv", "path|a\nx.wav|1\n", "no column 'path', only 'path|a'"),
        ("number.jsonl", '{"path": "a.wav"}\n{"path": 3}\n', "the path of line 2 is no text"),
        ("keys.jsonl", '{"path": "a.wav", "path": "b.wav"}\n', "'path' is there twice"),
        ("nan.jsonl", '{"path": "a.wav", "x": NaN}\n', "NaN is no number"),
        ("half.jsonl", '{"path": "\\ud800.wav"}\n', "line 1 has letters"),
        ("deep.jsonl", "[" * 100_000, "line 1"),
        ("null.jsonl", '{"path": null}\n', "line 1 has no 'path'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_row(tmp_path, name, content, complaint):
    with pytest.raises(ValueError) as caught:
        read(tmp_path, name, content)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / name}: ") and complaint in message
    assert "\n" not in message


def test_parquet_says_which_row_has_no_path_and_leaves_audio_out(tmp_path):
    place = tmp_path / "t.parquet"
    table = pyarrow.table({"path": ["a.wav", None], "audio": [b"x", b"y"], "n": [1, 2]})
    pyarrow.parquet.write_table(table.slice(0, 1), place)
    assert tables.read(place) == [tables.Row("a.wav", "t", {"n": "1"})]
    pyarrow.parquet.write_table(table, place)
    with pytest.raises(ValueError, match="row 2 has no 'path'"):
        tables.read(place)


@given(
    st.lists(
        st.text(
            st.characters(exclude_characters="\r\n\t\0", exclude_categories=["Cs"]), min_size=1
        ).filter(str.strip),
        min_size=1,
    )
)
def test_any_text_in_tsv_and_jsonl_comes_back(tmp_path_factory, said):
    folder = tmp_path_factory.mktemp("any")
    rows = [(f"{number}.wav", one) for number, one in enumerate(said)]
    tsv = "path\tsentence\n" + "".join(f"{path}\t{one}\n" for path, one in rows)
    found = read(folder, "t.tsv", tsv)
    assert [(row.path, row.columns["sentence"]) for row in found] == rows
    lines = [json.dumps({"path": path, "sentence": one}) + "\n" for path, one in rows]
    assert read(folder, "t.jsonl", "".join(lines)) == found


def test_lists_have_marks_ends_and_odd_letters(tmp_path):
    place = tmp_path / "list.txt"
    place.write_bytes("\ufeffa.wav\r\n\r\nb\u2028c.wav\rd.wav".encode())
    assert [one.id for one in inputs.find([str(place)])] == ["a.wav", "b\u2028c.wav", "d.wav"]
    place.write_bytes("a.wav\ncaf\xe9.wav\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"list.txt: line 2 is no UTF-8 \(byte 0xe9\)"):
        inputs.find([str(place)])


def test_lines_of_an_empty_file(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"")
    assert text.lines(tmp_path / "t.txt") == []
