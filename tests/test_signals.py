"""Signals that end a command at any time, and what is left of it: nothing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audiotok_jax import cli, files, signals, terminal
from audiotok_jax.commands import info


@pytest.fixture(autouse=True)
def not_ignored() -> Iterator[None]:
    """Signals as in a shell, also where the tests themselves run under `nohup`."""
    before = {
        number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], int]:
    """Runs a command that does what it is given; returns the exit code."""

    def run(body: Callable[[], None]) -> int:
        monkeypatch.setattr(info, "run", lambda _: body() or 0)
        try:
            return cli.main(["info"])
        except SystemExit as stopped:
            return int(str(stopped.code))

    return run


def one_file(root: Path) -> None:
    """Replaces a file."""
    with files.replacing(root / "out") as path:
        path.write_text("new")


def whole_folder(root: Path) -> None:
    """Replaces a folder, and a file in it."""
    with files.replacing_folder(root / "out") as path, files.replacing(path / "a") as inner:
        inner.write_text("new")


def content(root: Path) -> dict[str, str]:
    """All that is there, hidden files too."""
    return {
        str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("write", "name"), [(one_file, "out"), (whole_folder, "out/a")])
def test_a_signal_at_any_line_leaves_the_old_or_the_new(run, tmp_path, number, write, name):
    ours = {files.__file__, __file__}
    line, ends = 0, set()
    while True:
        root = tmp_path / str(line)
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("old")
        left = line

        def trace(frame: Any, event: str, _: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in ours:
                return trace if "contextlib" in frame.f_code.co_filename else None
            if event == "line":
                left -= 1
                if left == -1:
                    os.kill(os.getpid(), number)
                elif left == -3:  # a second one, which finds it ending
                    os.kill(os.getpid(), number)
            return trace

        def body(root: Path = root, trace: Any = trace) -> None:
            sys.settrace(trace)
            try:
                write(root)
            finally:
                sys.settrace(None)

        before = sys.gettrace()
        code = run(body)
        sys.settrace(before)
        found = content(root)
        assert found in ({name: "old"}, {name: "new"}), (line, found)
        assert not [path for path in root.iterdir() if path.name != "out"]
        ends.add((code, found[name]))
        if left >= 0:
            break
        assert code == 128 + number
        line += 1
    assert ends == {(128 + number, "old"), (128 + number, "new"), (0, "new")}


class Destroyed:
    """Is told to end in its destructor, where Python ignores what a handler raises."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        for _ in range(100):
            pass


def test_what_a_destructor_swallows_ends_it_at_the_next_step(run, tmp_path, capsys):
    steps = []

    def body() -> None:
        with terminal.progress("test", 9) as advance, files.replacing(tmp_path / "out") as path:
            path.write_text("half")
            for step in range(9):
                steps.append(step)
                if step == 3:
                    Destroyed()
                advance(0, 1)

    assert run(body) == 128 + signal.SIGHUP
    assert steps == [0, 1, 2, 3] and not list(tmp_path.iterdir())
    assert capsys.readouterr().err == ""  # nor does Python show it


def test_a_signal_that_is_ignored_stays_so(run):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert run(lambda: os.kill(os.getpid(), signal.SIGHUP)) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_are_put_back(run):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    for _ in range(2):
        assert run(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 143
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
    signals.check()
