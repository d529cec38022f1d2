"""Tests of the documentation: commands and snippets run, links lead somewhere, the site builds."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from audiotok_jax import audio, commands, pretrained, tokenfile

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

pytestmark = pytest.mark.usefixtures("compiled_quickly")

SLOW = {"training", "evaluation", "performance"}
"""Pages that compile for long: of these, `make test` runs nothing."""

SMALLER = (
    ("small-80hz --data", "tiny-80hz --data"),
    ("small-50hz --data", "tiny-80hz --data"),
    ("audiotok bench", "audiotok bench --seconds 1 --rounds 1 --peers mimi"),
    ("--minutes 60", "--steps 1 --batch-size 2 --seconds 0.5"),
    ("--minutes 30", "--steps 1 --batch-size 2 --seconds 0.5"),
)
"""What is typed in the documentation, and what tests make of it."""

BLOCK = re.compile(r"(?:^<!-- ([^>]*) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: what the comment above it says, its language, and its text."""

    about: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*map(str, found)) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def cases() -> Iterator[Any]:
    for page in PAGES:
        if page.stem == "language-models":  # tests/test_language_models.py runs all of it
            continue
        for number, block in enumerate(blocks(page)):
            if block.language in ("sh", "python"):
                marks = [pytest.mark.slow] if page.stem in SLOW else []
                yield pytest.param(page, block, id=f"{page.stem}-{number}", marks=marks)


@pytest.fixture(scope="module")
def places(
    tmp_path_factory: pytest.TempPathFactory, live: Path
) -> dict[Path, tuple[Path, dict[str, Any]]]:
    """For each page a folder to work in and the names that its snippets make."""
    return {page: (furnish(tmp_path_factory.mktemp(page.stem), live), {}) for page in PAGES}


def furnish(folder: Path, live: Path) -> Path:
    """Puts there what the documentation calls by name."""
    examples = ROOT / "examples"
    for name in ("corpus", "speech"):
        (folder / name).mkdir()
    for clip in ("en_us_female.flac", "cmn_male.flac", "en_gb_male.flac"):
        shutil.copy(examples / clip, folder / "corpus")
    (folder / "speech" / "en").mkdir()
    for name in ("a.flac", "b.flac"):
        shutil.copy(examples / "en_us_female.flac", folder / "speech" / "en" / name)
    shutil.copy(examples / "en_us_female.flac", folder / "talk.flac")
    audio.write(folder / "talk.wav", *audio.read(folder / "talk.flac"))
    inputs_of_others(folder)
    (folder / "experiments").symlink_to(ROOT / "experiments")
    (folder / "live").symlink_to(live)
    (folder / "home").mkdir()
    return folder


def inputs_of_others(folder: Path) -> None:
    """The clips of `corpus/` as other programs list and pack them."""
    clips = sorted((folder / "corpus").iterdir())
    names = [f"corpus/{clip.name}" for clip in clips]
    (folder / "clips.tsv").write_text("\n".join(["path", *names]) + "\n")
    for place in ("tars", "hub/data", "saved"):
        (folder / place).mkdir(parents=True)
    rows = pyarrow.table({"audio": [{"bytes": clip.read_bytes(), "path": None} for clip in clips]})
    pyarrow.parquet.write_table(rows, folder / "hub" / "data" / "train-00000-of-00001.parquet")
    with pyarrow.ipc.new_stream(folder / "saved" / "data-00000-of-00001.arrow", rows.schema) as out:
        out.write_table(rows)
    for number in range(2):
        with tarfile.open(folder / "tars" / f"corpus-{number:03}.tar", "w") as tar:
            tar.add(clips[number], clips[number].name)
    lines = [{"audio_filepath": name, "offset": 0.5, "duration": 1.25} for name in names]
    (folder / "manifest.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    source = {"type": "file", "channels": [0], "source": names[0]}
    cut = {"id": "cut", "start": 0.5, "duration": 1.25, "channel": 0, "type": "MonoCut"}
    cut["recording"] = {"id": "recording", "sources": [source], "duration": 5.0}
    (folder / "cuts.jsonl.gz").write_bytes(gzip.compress(json.dumps(cut).encode()))


def run(script: str, folder: Path) -> None:
    for typed, smaller in SMALLER:
        script = script.replace(typed, smaller)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ | own,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def skip_what_cannot_run(about: str) -> None:
    kind, _, reason = about.partition(": ")
    if kind == "not run":
        pytest.skip(reason)
    if kind == "runs with" and not (shutil.which(reason) or importlib.util.find_spec(reason)):
        pytest.skip(f"needs {reason}")


@pytest.mark.parametrize(("page", "block"), list(cases()))
def test_what_the_documentation_says_runs(page, block, places, monkeypatch):
    skip_what_cannot_run(block.about)
    folder, names = places[page]
    if block.language == "sh":
        run(block.text, folder)
        return
    monkeypatch.chdir(folder)
    exec(compile(block.text, page.name, "exec"), names)


def examples() -> Iterator[Any]:
    """The examples of --help, for each subcommand all that can run in one folder."""
    for _, name, is_group in pkgutil.walk_packages(commands.__path__, f"{commands.__name__}."):
        short = name.removeprefix(f"{commands.__name__}.")
        if is_group or short.rpartition(".")[2].startswith("_"):
            continue
        yield pytest.param(importlib.import_module(name).EXAMPLES, id=short)


ABSENT = {"ray", "urls.txt", "tfds:", "'more-", "shards-{", "codec2", "opus:6", "printed.txt"}
ABSENT |= {"arecord", "aplay"}
"""Parts of examples for which there is nothing to run on here."""


@pytest.mark.slow
@pytest.mark.parametrize("lines", list(examples()))
def test_what_help_shows_as_an_example_runs(lines, live, tmp_path):
    folder = furnish(tmp_path, live)
    commands_run = 0
    for line in lines:
        command = re.split(r"\s{2,}", line)[0]
        if any(part in command for part in ABSENT) or "experiments/a/" in command:
            continue
        prepare(command, folder)
        run(command, folder)
        commands_run += 1
    if not commands_run:
        pytest.skip("all examples need what is not here")


def prepare(command: str, folder: Path) -> None:
    """Makes what the command reads, and takes away what it writes."""
    for name in ("tokens", "page", "hf"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "talk.atok").unlink(missing_ok=True)
    if command.startswith("audiotok corpus run"):
        return
    if command.startswith("audiotok corpus"):
        run("audiotok corpus run speech/ --out tokens/", folder)
    elif not command.startswith("audiotok encode"):
        run("audiotok encode talk.flac && audiotok encode speech/ -o tokens/", folder)
    for name in ("more.tsv", "speech.tsv"):
        (folder / name).write_text("path\ntalk.flac\n")
    if "clips/" in command:
        shutil.copytree(folder / "speech", folder / "clips")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_pictures_are_there(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_test_vector_of_the_format_is_read_and_written():
    [vector] = [block for block in blocks(ROOT / "docs" / "format.md") if block.language == "hex"]
    data = bytes.fromhex(vector.text)
    found = tokenfile.loads(data)
    tokens = np.array([0, 1, 258, 32768, 65535], np.uint16)
    np.testing.assert_array_equal(found.tokens, tokens)
    assert (found.num_samples, found.sample_rate, found.hop_length) == (950, 16000, 200)
    assert (found.bits, found.model_id) == (16, "0123456789abcdef")
    assert tokenfile.dumps(found) == data


def test_the_readme_names_the_models_that_ship():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in pretrained.names())
    assert f"`{pretrained.DEFAULT}`, the default" in text


def test_the_package_index_renders_the_readme():
    markdown = pytest.importorskip("readme_renderer.markdown", reason="of the extra dev")
    rendered = markdown.render((ROOT / "README.md").read_text(encoding="utf-8"))
    assert rendered is not None and "<h2" in rendered and "<table>" in rendered


@pytest.mark.parametrize("path", list((ROOT / "docker").iterdir()), ids=lambda path: path.name)
def test_hadolint_finds_nothing(path):
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is of the extra dev")
    done = subprocess.run([hadolint, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="the site is built with mkdocs, of the extra dev")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr
    for page in ROOT.glob("docs/*.md"):
        name = "index.html" if page.stem == "index" else f"{page.stem}/index.html"
        assert (tmp_path / name).is_file()
