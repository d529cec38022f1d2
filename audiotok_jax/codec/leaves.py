"""Leaves of trees of parameters by name, as files and exports have them."""

from __future__ import annotations

from typing import Any

import jax


def by_name(tree: Any) -> dict[str, Any]:
    """The leaves of a tree, each by the keys, fields and places on the way to it, joined by "/"."""
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
