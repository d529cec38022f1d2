"""Tables: every row is a clip, or the table is refused with one line that names the row."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax import audio
from audiotok_jax.corpus import inputs
from audiotok_jax.data import sources, tables, text
from audiotok_jax.evaluate import clips

RATE = 16000


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


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.tsv", "path\na.wav\nb.wav\n./a.wav\n", "line 2 and line 4 have the same id, 'a.wav'"),
        ("t.csv", "path,id\na.wav,x\nb.wav,x\n", "line 2 and line 3 have the same id, 'x'"),
        ("t.jsonl", '{"path": "a"}\n\n{"path": "a"}\n', "line 1 and line 3 have the same id"),
    ],
)
def test_two_rows_of_one_id_are_refused_by_all(tmp_path, name, content, said):
    table = tmp_path / name
    table.write_text(content)
    for find in (inputs.find, lambda places: sources.open_clips(places, RATE), clips.find):
        with pytest.raises(ValueError, match=said):
            find([str(table)])


def test_one_file_may_have_several_ids(tmp_path):
    (tmp_path / "t.csv").write_text("path,id\na.wav,x\na.wav,y\n")
    assert [clip.id for clip in inputs.find([str(tmp_path / "t.csv")])] == ["x", "y"]


def test_a_row_of_tabs_is_no_empty_line(tmp_path):
    (tmp_path / "t.tsv").write_text("path\ttext\na.wav\tx\n\t\nb.wav\ty\n")
    with pytest.raises(ValueError, match="line 3 has no 'path'"):
        tables.read(tmp_path / "t.tsv")


@pytest.mark.parametrize("name", ["t.tsv", "t.txt"])
def test_files_that_were_joined_keep_no_mark(tmp_path, name):
    head = "path\n" if name == "t.tsv" else ""
    (tmp_path / name).write_text(f"\ufeff{head}a.wav\n\ufeffb.wav\n")
    assert [clip.id for clip in inputs.find([str(tmp_path / name)])] == ["a.wav", "b.wav"]


def test_nan_says_nothing(tmp_path):
    table = pyarrow.table({"path": ["a.wav", "b.wav"], "score": [float("nan"), 1.5]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    found = [row.columns for row in tables.read(tmp_path / "t.parquet")]
    assert found == [{}, {"score": "1.5"}]


def test_damage_anywhere_in_a_parquet_is_one_line_if_it_is_seen(tmp_path):
    table = tmp_path / "t.parquet"
    rows = [{"path": f"{number}.wav", "text": "x" * number} for number in range(50)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), table)
    data = table.read_bytes()
    refused = 0
    for at in range(0, len(data), 7):
        table.write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
        try:
            tables.read(table)
        except ValueError as error:
            refused += 1
            assert str(error).startswith(f"{table}: ") and "\n" not in str(error)
    assert refused


@pytest.mark.parametrize(
    "name", ["t.tsv", "t.jsonl", "t.jsonl.gz", "t.txt", "t.parquet", "t.arrow"]
)
def test_a_pipe_for_a_table_is_refused_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match=rf"{name}: is a pipe"):
        inputs.find([str(tmp_path / name)])


@pytest.mark.parametrize("name", ["t.tsv", "t.jsonl", "t.txt"])
def test_a_hole_is_refused_before_it_is_read(tmp_path, name):
    with open(tmp_path / name, "wb") as file:
        file.truncate(20 << 30)
    with pytest.raises(ValueError, match=rf"{name}: line 1 holds a NUL"):
        inputs.find([str(tmp_path / name)])


def test_what_is_no_table_is_not_read_as_one(tmp_path, speech):
    audio.write(tmp_path / "a.wav", speech(4000), 16000)
    with pytest.raises(ValueError, match=r"a.wav: is no table"):
        clips.find([str(tmp_path / "a.wav")])


def test_rows_that_are_no_files_are_named_by_training_and_evaluation(tmp_path, speech):
    audio.write(tmp_path / "a.wav", speech(4000), 16000)
    os.mkfifo(tmp_path / "pipe.wav")
    rows = ["path", "a.wav", "absent.wav", "pipe.wav", "/dev/zero", "s3://bucket/x.wav"]
    (tmp_path / "t.tsv").write_text("\n".join(rows))
    found = sources.open_clips([str(tmp_path / "t.tsv")], 16000)
    assert [clip.name for clip in found] == ["a.wav"] and len(found.skipped) == 4
    reasons = {Path(path).name: reason for path, reason in found.skipped}
    assert reasons["pipe.wav"] == "is a pipe, not an audio file"
    assert reasons["zero"] == "is a device, not an audio file"
    measured, unreadable = clips.find([str(tmp_path / "t.tsv")])
    assert len(measured) == 1 and len(unreadable) == 4


def test_no_flipped_bit_of_parquet_loses_rows(tmp_path):
    """Arrow ends without an error where some of its numbers are damaged."""
    path = tmp_path / "t.parquet"
    names = [f"{number}.wav" for number in range(8)]
    pyarrow.parquet.write_table(pyarrow.table({"path": names}), path)
    data = path.read_bytes()
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            assert len(tables.read(path)) == 8
        except ValueError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("name", ["path", "id", "corpus"])
def test_names_in_parquet_that_are_bytes_are_told(tmp_path, name):
    """As some programs store text; other columns of bytes hold audio, and are passed over."""
    path = tmp_path / "t.parquet"
    columns = {"path": ["a.wav"], "id": ["1"], "corpus": ["c"], "audio": [b"\0\1"]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    assert tables.read(path) == [tables.Row("a.wav", "c", {"id": "1"})]
    pyarrow.parquet.write_table(pyarrow.table(columns | {name: [b"x"]}), path)
    with pytest.raises(ValueError, match=f"t.parquet: the {name} of row 1 is no text"):
        tables.read(path)
