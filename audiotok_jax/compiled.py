"""The cache of compiled programs on disk, so that only the first command compiles them."""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import suppress
from pathlib import Path


def keep() -> None:
    """Makes JAX, which must not be imported yet, keep compiled programs on disk.

    In `$XDG_CACHE_HOME/audiotok_jax`, or `~/.cache/audiotok_jax`. JAX's own variables take
    precedence: JAX_COMPILATION_CACHE_DIR names another folder, JAX_ENABLE_COMPILATION_CACHE=false
    keeps nothing. If the folder cannot be made, nothing is kept.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    with suppress(OSError, RuntimeError):  # the latter if there is no home folder
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(caches, "audiotok_jax", _processor())
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


def _processor() -> str:
    """Name of the kind of CPU: JAX would also load programs that were compiled for others."""
    features = ""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        features = next((line for line in file if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()}-{hashlib.sha256(features.encode()).hexdigest()[:8]}"
