"""Entropy coding of tokens: a range coder under a fixed model of bits in context, in integers.

`prior` says how likely a bit is, given tokens that are known; `coder` turns tokens into blocks of
bytes and back; `blocks` frames them, so that a damaged one costs itself alone.
"""

from __future__ import annotations

import contextlib
import functools
import os

from audiotok_jax import pretrained
from audiotok_jax.entropy.coder import Coder, DamagedError
from audiotok_jax.entropy.prior import FILE, Prior

__all__ = ["Coder", "DamagedError", "Prior", "UnknownPriorError", "find", "load"]


class UnknownPriorError(ValueError):
    """Tokens were made compact by a prior that is not at hand."""


def load(path_or_name: str | os.PathLike[str] | None = None) -> Coder:
    """The coder that lies in the folder of a model.

    Args:
        path_or_name: of the model, as `pretrained.load` takes it.

    Raises:
        FileNotFoundError: there is no such model, or it has no prior of its tokens.
        ValueError: its prior is damaged.
    """
    path = pretrained.locate(path_or_name) / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.parent}: has no {FILE}, without which its tokens cannot be compact; "
            "experiments/entropy/train.py makes it"
        )
    return Coder(Prior.load(path))


def find(prior_id: str, path_or_name: str | os.PathLike[str] | None = None) -> Coder:
    """The coder that has a prior.

    Args:
        prior_id: `Prior.id`, which compact tokens name.
        path_or_name: of a model to look at beside those released.

    Raises:
        UnknownPriorError: none has it.
    """
    coders = _released()
    if path_or_name is not None:
        with contextlib.suppress(FileNotFoundError):  # it is told below what is missing
            coders = [*coders, load(path_or_name)]
    for coder in coders:
        if coder.prior.id == prior_id:
            return coder
    where = f"{path_or_name} does not have" if path_or_name else "no released model has"
    raise UnknownPriorError(
        f"the tokens were made compact by prior {prior_id}, which {where}; name the model that has "
        "it with --model"
    )


@functools.cache
def _released() -> list[Coder]:
    return [load(name) for name in pretrained.names() if (pretrained.locate(name) / FILE).is_file()]
