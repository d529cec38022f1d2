"""The extras of the package: a line that names the one that is missing."""

from __future__ import annotations

from importlib.util import find_spec


class MissingExtraError(ImportError):
    """A module that an extra brings is not installed."""


def need(extra: str, *modules: str) -> None:
    """Checks that modules are installed; imports none of them.

    Args:
        extra: which brings them, as setup.cfg names it.
        modules: top-level names.

    Raises:
        MissingExtraError: one is not; the message says how to install the extra.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise MissingExtraError(
            f"needs the extra {extra}: pip install 'audiotok_jax[{extra}]' "
            f"({', '.join(missing)} not installed)"
        )
