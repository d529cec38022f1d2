"""Heads of the decoder, one file each: they turn the output of its network into samples.

Decoding has two phases. `prepare` runs in parallel over windows and returns, with its result, the
increments of the carry; `render` needs the carry, the sum of the increments of all frames before.
Callers sum carries leaf by leaf and pass parts from one phase to the other; only the head knows
what they contain. Another head is a file here, a line in `of`, and a field of `CodecConfig` that
selects it.
"""

from __future__ import annotations

from typing import Any, Protocol

from jax import Array

from audiotok_jax.codec.heads.source_filter import SourceFilter
from audiotok_jax.config import CodecConfig


class Head(Protocol):
    """Pure functions of trees of arrays, (B, ...) each; (left, right) is `config.control_halo`."""

    def controls(self, x: Array, dtype: Any) -> Any:
        """Applies the last layers of the decoder, from within its Flax module.

        From float32 (B, left + T + right, decoder_dim) to a tree of arrays (B, left + T + right,
        ...), each frame of which depends on the same frame of `x` alone.
        """

    def start(self, batch: int) -> Any:
        """The carry at the start of clips: a tuple of zeros, NumPy arrays (batch,)."""

    def prepare(self, controls: Any) -> tuple[Any, Any]:
        """First phase of decoding a window.

        Returns:
            Input of `render`, and the increment of the carry by each frame, of arrays (B, T).
        """

    def render(self, parts: Any, carry: Any) -> Array:
        """Second phase: float32 (B, T * hop_length)."""

    def teach(self, controls: Any, speech: Array, keys: Array) -> tuple[Array, dict[str, Array]]:
        """Renders in training, with the original as a further input.

        Args:
            controls: of left + T + right frames.
            speech: float32 (B, T * hop_length), the original.
            keys: (B,), of random numbers.

        Returns:
            float32 (B, T * hop_length), and named loss terms, scalars.
        """


def of(config: CodecConfig) -> Head:
    """The head of a codec."""
    return SourceFilter(config)
