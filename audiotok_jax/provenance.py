"""Provenance of results: code, machine and libraries."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def provenance(libraries: Iterable[str]) -> dict[str, Any]:
    """Facts to store with results, JSON-ready.

    Returns:
        `date`: in UTC, ISO 8601.
        `commit`: of the repository of this package, followed by "-dirty" if files differ from it;
            None if the package is not in a repository.
        `machine`: model of the CPU, number of cores, operating system.
        `python`: version.
        `libraries`: version of each distribution; None if it is not installed.
    """
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": f"{_cpu()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in libraries},
    }


def version(library: str) -> str | None:
    """Version of a distribution; None if it is not installed."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    here = Path(__file__)
    try:
        # A virtual environment inside another repository is not tracked by it.
        _git(here.parent, "ls-files", "--error-unmatch", here.with_name("__init__.py").name)
        return _git(here.parent, "describe", "--always", "--dirty", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown CPU")
