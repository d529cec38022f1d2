"""A command whose standard streams, locale or names are odd; the commands are stand-ins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = """
import pathlib, sys
def run(args):
    from audiotok_jax import files, terminal
    {body}
    return 0
from audiotok_jax import cli
from audiotok_jax.commands import info
info.run = run
sys.exit(cli.main({arguments}))
"""


def command(
    body: str,
    *redirections: str,
    arguments: list[str] | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Runs a command that does `body`, as a shell does with these redirections."""
    code = CODE.format(body=body, arguments=arguments or ["info"])
    return subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" {" ".join(redirections)}', sys.executable, code],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        check=False,
    )


@pytest.mark.parametrize("arguments", [["info"], ["--help"], ["info", "--help"]], ids=" ".join)
@pytest.mark.parametrize(
    ("where", "why"), [("&-", "Bad file descriptor"), ("/dev/full", "No space left on device")]
)
def test_results_that_cannot_be_printed_are_one_line(where, why, arguments):
    done = command('print("x" * 100_000)', f">{where}", arguments=arguments)
    assert done.returncode == 1
    assert done.stderr.decode() == f"audiotok: standard output: {why}\n"


@pytest.mark.parametrize("name", ["results", "binary results"])
def test_a_reader_that_is_gone(name):
    write = {"results": "print('x' * 100_000)", "binary results": "sys.stdout.buffer.write(b'x')"}
    there, gone = os.pipe()
    os.close(there)
    code = CODE.format(body=write[name], arguments=["info"])
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=gone, stderr=subprocess.PIPE, cwd=ROOT, check=False
    )
    os.close(gone)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("where", ["&-", "/dev/full"])
def test_messages_that_nobody_reads_stop_nothing(where):
    done = command(
        'terminal.tell("x" * 10_000); terminal.complain(OSError("y")); print("z")', f"2>{where}"
    )
    assert (done.returncode, done.stdout) == (0, b"z\n")
    failed = command('raise ValueError("x")', f"2>{where}")
    assert (failed.returncode, failed.stdout) == (1, b"")


def test_closed_streams_are_no_place_for_files(tmp_path):
    path = tmp_path / "out"
    body = f'import os; f = open({str(path)!r}, "w"); assert f.fileno() > 2; os.write(2, b"x")'
    assert command(body, "<&-", ">&-", "2>&-").returncode == 0
    assert path.read_text() == ""


def test_standard_input_that_is_closed():
    done = command("sys.stdin.buffer.read()", "<&-")
    assert (done.returncode, done.stderr) == (1, b"audiotok: standard input: is closed\n")


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "utf-8"},
    ],
    ids=str,
)
def test_any_name_is_printed_in_one_line(env):
    body = (
        r'name = "caf\u00e9 \u8a9e \udcff \n\x1b[2J\u2028.wav";'
        r"from audiotok_jax.terminal import show_table;"
        r'show_table([("a",), (name,)]); terminal.complain(OSError(2, "not there", name))'
    )
    done = command(body.replace("{", "{{"), env=env)
    assert done.returncode == 0, done.stderr
    for stream in (done.stdout, done.stderr):
        *_, line = stream.rstrip(b"\n").split(b"\n")
        assert rb"\udcff \n\x1b[2J\u2028.wav" in line and b"caf" in line
    assert done.stdout.count(b"\n") == 2 and done.stderr.count(b"\n") == 1
