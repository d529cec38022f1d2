"""Entropy coding of tokens: a range coder with a fixed context model of bits, in integers.

`prior` gives the probability of a bit conditioned on known tokens; `coder` encodes tokens as blocks
of bytes and decodes them; `blocks` frames them, so that damage is confined to a block.
"""

from __future__ import annotations

import contextlib
import functools
import os

from audiotok_jax.entropy.coder import Coder, DamagedError
from audiotok_jax.entropy.prior import FILE, Prior

__all__ = ["Coder", "DamagedError", "Prior", "UnknownPriorError", "find", "load"]


class UnknownPriorError(ValueError):
    """The prior of compact tokens is not available."""


def load(path_or_name: str | os.PathLike[str] | None = None) -> Coder:
    """The coder of a model of `pretrained.load`.

    Raises:
        FileNotFoundError: there is no such model, or it has no prior.
        ValueError: its prior is damaged.
    """
    from audiotok_jax import pretrained  # imports JAX, which readers of tokens do without

    path = pretrained.locate(path_or_name) / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.parent}: has no {FILE}, without which its tokens cannot be compact; "
            "experiments/entropy/train.py makes it"
        )
    return Coder(Prior.load(path))


def find(prior_id: str, path_or_name: str | os.PathLike[str] | None = None) -> Coder:
    """The coder with the `Prior.id` of compact tokens, of a released model or the given one.

    Raises:
        UnknownPriorError: no model has it.
    """
    coders = _released()
    if path_or_name is not None:
        with contextlib.suppress(FileNotFoundError):  # reported below
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
    from audiotok_jax import pretrained

    return [load(name) for name in pretrained.names() if (pretrained.locate(name) / FILE).is_file()]
