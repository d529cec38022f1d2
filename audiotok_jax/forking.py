"""Detection of processes that were forked after JAX had started, in which it would hang."""

from __future__ import annotations

import os

from jax._src import xla_bridge  # no public name says whether JAX has started

_started_before_fork = False


def _remember() -> None:
    global _started_before_fork
    _started_before_fork = _started_before_fork or xla_bridge.backends_are_initialized()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remember)


def refuse_forked() -> None:
    """Raises RuntimeError in a process that was forked after JAX had started in its parent."""
    if _started_before_fork:
        raise RuntimeError(
            "JAX had started before this process was forked, and its threads do not survive a "
            "fork: start processes by multiprocessing.get_context('spawn')"
        )
