"""Checks that the extras of the package, its optional dependencies, are installed."""

from __future__ import annotations

from importlib.util import find_spec


class MissingExtraError(ImportError):
    """A module of an extra is not installed."""


def need(extra: str, *modules: str) -> None:
    """Checks that top-level modules of an extra of setup.cfg are installed; imports none of them.

    Raises:
        MissingExtraError: one is missing; the message says how to install the extra.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise MissingExtraError(
            f"needs the extra {extra}: pip install 'audiotok_jax[{extra}]' "
            f"({', '.join(missing)} not installed)"
        )
