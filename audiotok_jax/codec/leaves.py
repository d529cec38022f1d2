"""Names of the leaves of parameter trees, as in files and exports."""

from __future__ import annotations

from typing import Any

import jax


def by_name(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by their paths: keys, fields and indices, joined by "/"."""
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
