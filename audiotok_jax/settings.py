"""The settings of JAX for the package, independent of those of the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax

from audiotok_jax.forking import refuse_forked


@contextmanager
def pinned(precision: str = "highest") -> Iterator[None]:
    """Pins settings that would change results or raise; also a decorator, `@pinned()`.

    Implicit promotion of ranks and dtypes is an error in it. Settings for debugging
    (`jax_log_compiles`, `jax_debug_nans`) stay as they are.

    Args:
        precision: of products of float32 matrices, as in `jax.default_matmul_precision`. Below
            "highest", accelerators round the factors to fewer bits.

    Raises:
        RuntimeError: this process was forked after JAX had started.
    """
    refuse_forked()
    with (
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.default_matmul_precision(precision),
        jax.default_prng_impl("threefry2x32"),
        jax.threefry_partitionable(True),
        jax.transfer_guard("allow"),
        jax.disable_jit(False),
    ):
        yield
