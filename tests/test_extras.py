"""Tests of what the core and the extras bring."""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from audiotok_jax import audio, extras, pretrained

ROOT = Path(__file__).resolve().parent.parent
RATE = 16000

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
CORE = SETUP["options"]["install_requires"]
EXTRAS = SETUP["options.extras_require"]


def names(requirements: str) -> set[str]:
    """Distributions in lines of setup.cfg, with comments among them."""
    lines = (line for line in requirements.splitlines() if line and not line.startswith("#"))
    return {normal(Requirement(line).name) for line in lines}


def normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def closure(roots: set[str]) -> set[str]:
    """Distributions, and all that they need themselves, as far as they are installed."""
    found, todo = set(), list(roots)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needs = importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:
            continue
        for one in map(Requirement, needs):
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                todo.append(normal(one.name))
    return found


def modules() -> dict[str, set[str]]:
    """Top-level modules that are installed, and the distributions that have them."""
    found = importlib.metadata.packages_distributions()
    return {module: set(map(normal, owners)) for module, owners in found.items()}


def calls() -> Iterator[tuple[str, tuple[str, ...]]]:
    """All extras that the package asks for, and the modules for which it does."""
    for path in (ROOT / "audiotok_jax").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "extras.need":
                extra, *wanted = (ast.literal_eval(argument) for argument in node.args)
                yield extra, tuple(wanted)


def test_each_extra_brings_the_modules_for_which_it_is_asked():
    owners = modules()
    asked = set(calls())
    assert {extra for extra, _ in asked} == {"train", "corpus", "page", "export", "eval", "ray"}
    for extra, wanted in asked:
        brought = closure(names(CORE) | names(EXTRAS[extra]))
        for module in wanted:
            assert owners.get(module, brought) & brought, f"{extra} does not bring {module}"


def test_all_is_every_extra_without_torch_and_accelerators():
    parts = (names(EXTRAS[extra]) for extra in ("train", "corpus", "page", "export", "eval", "ray"))
    assert names(EXTRAS["all"]) == set().union(*parts)
    assert not {"torch", "resemblyzer"} & closure(names(CORE) | names(EXTRAS["all"]))


def test_what_was_tested_together_is_what_is_asked_for():
    listed = ["requirements.txt", "requirements-dev.txt"]
    pinned = set().union(*(names((ROOT / name).read_text()) for name in listed))
    wanted = names(CORE) | names(EXTRAS["all"]) | names(EXTRAS["test"])
    assert wanted - pinned == {"pytest", "hypothesis"}
    first = names((ROOT / listed[0]).read_text())
    assert names(CORE) | names(EXTRAS["train"]) | names(EXTRAS["page"]) <= first


def test_the_line_names_the_extra_and_what_is_missing():
    extras.need("train", "numpy")
    with pytest.raises(extras.MissingExtraError) as caught:
        extras.need("train", "numpy", "no_such_module")
    assert str(caught.value) == (
        "needs the extra train: pip install 'audiotok_jax[train]' (no_such_module not installed)"
    )


# Runs commands where only some modules can be found, and prints exit codes and what was said.
ALONE = """
import contextlib, importlib.machinery, io, json, sys

hidden = set(json.loads(sys.argv[1]))

class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Finder
from audiotok_jax import cli

results = []
for command in json.loads(sys.argv[2]):
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = cli.main(command)
    results.append([code, error.getvalue()])
print(json.dumps(results))
"""


def test_the_core_encodes_and_decodes_and_names_the_extra_for_the_rest(tiny, tmp_path, speech):
    config, params = tiny
    pretrained.save(tmp_path / "model", params, config)
    audio.write(tmp_path / "talk.wav", speech(RATE), RATE)
    talk, tokens, out = (str(tmp_path / name) for name in ("talk.wav", "talk.atok", "out"))
    model = ["--model", str(tmp_path / "model")]
    works = (
        ["encode", talk, *model],
        ["decode", tokens, "-o", str(tmp_path / "again.flac"), *model],
        ["info", tokens],
        ["stats", tokens],
    )
    lacks = {
        "train": (
            ["train", "--print-config"],
            ["train", "--preset", "tiny-80hz", "--data", talk, "--out", out],
            ["data", "build", str(tmp_path), "--name", "a"],
            ["data", "info", str(tmp_path)],
        ),
        "corpus": (["corpus", "run", talk, "--out", out], ["corpus", "info", out]),
        "page": (
            ["page", talk, "-o", out, *model],
            ["roundtrip", talk, "-o", out, *model],
            ["stats", tokens, "--plot", f"{out}.png"],
        ),
        "eval": (["evaluate", "--data", str(tmp_path), "--codecs", "pcm", "--out", out],),
    }
    core = closure(names(CORE))
    here = {"audiotok_jax", *sys.stdlib_module_names}
    hidden = sorted(
        name for name, owners in modules().items() if not owners & core and name not in here
    )
    assert "matplotlib" in hidden
    commands = [*works, *(command for group in lacks.values() for command in group)]
    arguments = (json.dumps(hidden), json.dumps(commands))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *arguments], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    results = iter(json.loads(done.stdout.splitlines()[-1]))
    for command in works:
        assert next(results) == [0, ""], command
    for extra, group in lacks.items():
        for command in group:
            code, said = next(results)
            assert code == 1, command
            assert said.startswith(f"audiotok: needs the extra {extra}: pip install"), command
            assert said.count("\n") == 1, command
    assert not Path(out).exists()
