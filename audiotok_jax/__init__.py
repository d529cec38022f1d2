"""A neural speech tokenizer in JAX: speech to one stream of 16-bit tokens and back."""

from audiotok_jax.audio import AudioError
from audiotok_jax.config import PRESETS, CodecConfig, preset
from audiotok_jax.tokenfile import OtherModelError, TokenFile, TokenFileError
from audiotok_jax.tokenizer import AudioTokenizer

__all__ = [
    "PRESETS",
    "AudioError",
    "AudioTokenizer",
    "CodecConfig",
    "OtherModelError",
    "TokenFile",
    "TokenFileError",
    "preset",
]
