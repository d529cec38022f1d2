"""The codecs under evaluation, ours, classical and neural, with one interface."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from audiotok_jax.evaluate.codecs import peers, programs
from audiotok_jax.evaluate.codecs.audiotok import Audiotok
from audiotok_jax.evaluate.codecs.interface import Codec
from audiotok_jax.evaluate.codecs.pcm import Pcm

__all__ = ["SPECS", "Codec", "parse"]

_MAKERS: dict[str, Callable[[str, str], Codec]] = {
    "audiotok": Audiotok,
    "pcm": Pcm,
    "opus": programs.opus,
    "codec2": programs.codec2,
    "speex": programs.speex,
    "mp3": programs.mp3lame,
    "encodec": peers.Encodec,
    "dac": peers.Dac,
    "mimi": peers.Mimi,
    "xcodec2": peers.Xcodec2,
}

SPECS = {
    "audiotok": "our default model",
    "audiotok:MODEL": "another released model, or one in a folder",
    "pcm": "16 bits at 16 kHz: nothing is lost",
    "opus:KBPS": "Opus, 6 to 256 kbit/s",
    "codec2:BPS": "Codec2, 450 to 3200 bit/s",
    "speex:KBPS": "Speex, 2.4 to 42.4 kbit/s",
    "mp3:KBPS": "MP3 by LAME, 8 to 160 kbit/s",
    "encodec:KBPS": "EnCodec of 24 kHz, 1.5 to 24 kbit/s",
    "dac:N": "Descript Audio Codec of 16 kHz, its first N codebooks",
    "mimi:N": "Mimi, its first N codebooks",
    "xcodec2": "X-Codec2",
}
"""Specs for `parse`. `@FOLDER` after one of the last four names the folder of its weights."""


def parse(spec: str) -> Codec:
    """Makes a codec from a spec such as "opus:6"; see `SPECS`.

    This is cheap, as models are loaded on first use.

    Raises:
        ValueError: there is no such codec, its argument is invalid, or a program, a library or
            weights are missing.
        OSError: the model of `audiotok:MODEL` is missing.
    """
    family = spec.partition("@")[0].partition(":")[0]
    if family not in _MAKERS:
        close = difflib.get_close_matches(family, _MAKERS, n=1)
        hint = f", did you mean {close[0]}?" if close else "."
        raise ValueError(f"no codec {spec!r}{hint} Codecs: {', '.join(SPECS)}")
    return _MAKERS[family](spec, spec.removeprefix(family).removeprefix(":"))
