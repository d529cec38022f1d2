"""Schedules: numbers that may change over the steps of a run."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Shaped

Schedule = float | tuple[tuple[float, float], ...]
"""A constant, or points (step, value): linear between them, constant outside."""


def check(name: str, schedule: Any) -> None:
    """Raises ValueError if the steps of points do not increase; types are checked by `fields`."""
    if isinstance(schedule, tuple):
        steps = [point[0] for point in schedule]
        if not steps or sorted(set(steps)) != steps:
            raise ValueError(
                f"{name} must be a number or points (step, value) with increasing steps"
            )


def value_at(schedule: Schedule, step: Shaped[Array, ""] | int) -> Float32[Array, ""]:
    """Value of a schedule at a step."""
    if not isinstance(schedule, tuple):
        return jnp.float32(schedule)
    steps, values = np.array(schedule, np.float32).T
    return jnp.interp(jnp.asarray(step, jnp.float32), steps, values)
