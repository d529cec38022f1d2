"""Heads of the decoder, one file each: what makes samples of what its network says.

Decoding has two phases. `prepare` is parallel over windows, and says how far a window moves what
the next one goes on from; `render` needs the sum of these over all windows before, the carry.
Callers add carries up leaf by leaf and hand parts from one phase to the other; what is in them is
known to the head alone. Another head is a file here, a line in `of`, and a field of `CodecConfig`
that chooses it.
"""

from __future__ import annotations

from typing import Any, Protocol

from jax import Array

from audiotok_jax.codec.heads.source_filter import SourceFilter
from audiotok_jax.config import CodecConfig


class Head(Protocol):
    """Pure functions of trees of arrays, (B, ...) each; `halo` is `config.control_halo`."""

    def controls(self, x: Array, dtype: Any) -> Any:
        """Applies the last layers of the decoder, from within its Flax module.

        Args:
            x: float32 (B, T + 2 * halo, decoder_dim).
            dtype: of the factors of the large matrix products.
        """

    def start(self, batch: int) -> Any:
        """The carry at the start of clips: a tuple of zeros, NumPy arrays (batch,)."""

    def prepare(self, controls: Any) -> tuple[Any, Any]:
        """First phase of decoding a window: what `render` needs, and what is added to the carry."""

    def render(self, parts: Any, carry: Any) -> Array:
        """Second phase: float32 (B, T * hop_length)."""

    def teach(self, controls: Any, speech: Array, keys: Array) -> tuple[Array, dict[str, Array]]:
        """Renders in training, where the original is at hand.

        Args:
            controls: of T + 2 * halo frames.
            speech: float32 (B, T * hop_length), the original.
            keys: (B,), of random numbers.

        Returns:
            float32 (B, T * hop_length), and named loss terms, scalars.
        """


def of(config: CodecConfig) -> Head:
    """The head of a codec."""
    return SourceFilter(config)
