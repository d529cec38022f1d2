"""Where compiled programs are kept, so that the second command does not compile them again."""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import suppress
from pathlib import Path


def keep() -> None:
    """Has JAX, which is not imported yet, keep what it compiles in the user's folder of caches.

    `$XDG_CACHE_HOME/audiotok_jax`, or `~/.cache/audiotok_jax`. JAX's own variables count more:
    JAX_COMPILATION_CACHE_DIR names another folder, JAX_ENABLE_COMPILATION_CACHE=false keeps
    nothing. Where no folder can be made, nothing is kept.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    with suppress(OSError, RuntimeError):  # the latter where there is no home
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(caches, "audiotok_jax", _processor())
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


def _processor() -> str:
    """Names the kind of CPU: JAX would take a program of another one that shares the folder."""
    features = ""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        features = next((line for line in file if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()}-{hashlib.sha256(features.encode()).hexdigest()[:8]}"
