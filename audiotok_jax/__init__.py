"""A neural speech tokenizer in JAX: speech to one stream of 16-bit tokens and back."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULES = {
    "audio": ("AudioError",),
    "config": ("PRESETS", "CodecConfig", "preset"),
    "tokenfile": ("OtherModelError", "TokenFile", "TokenFileError"),
    "tokenizer": ("AudioTokenizer",),
}


def __getattr__(name: str) -> Any:
    """A public name, imported on first use, so that `audiotok --help` does not import JAX."""
    for module, names in _MODULES.items():
        if name in names:
            return globals().setdefault(name, getattr(import_module(f"{__name__}.{module}"), name))
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
