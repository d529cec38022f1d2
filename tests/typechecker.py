"""The run-time type checker that `conftest.py` installs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Checks the arguments and the result of a function of arrays; an int is also a float.

    Other functions are not checked, as tests pass stand-ins to them.
    """
    if "Array" not in str(inspect.signature(function)):
        return function
    return beartype(conf=BeartypeConf(is_pep484_tower=True))(function)
