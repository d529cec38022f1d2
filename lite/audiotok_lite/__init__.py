"""Speech to 16-bit tokens and back, without JAX: `load` a model, `encode`, `decode`."""

from audiotok_lite.codec import Codec, load

__all__ = ["Codec", "load"]
