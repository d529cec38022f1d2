"""Schedules: numbers that may change over the steps of a run."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

Schedule = float | tuple[tuple[float, float], ...]
"""A constant, or points (step, value): linear between them, constant outside."""


def check(name: str, schedule: Any) -> None:
    """Raises ValueError if points have steps that do not grow; types are checked by `fields`."""
    if isinstance(schedule, tuple):
        steps = [point[0] for point in schedule]
        if not steps or sorted(set(steps)) != steps:
            raise ValueError(f"{name} must be a number or points (step, value) with growing steps")


def value_at(schedule: Schedule, step: Array | int) -> Array:
    """Value of a schedule at a step, float32."""
    if not isinstance(schedule, tuple):
        return jnp.float32(schedule)
    steps, values = np.array(schedule, np.float32).T
    return jnp.interp(jnp.asarray(step, jnp.float32), steps, values)
