"""Parsers of audio containers, which compare what is announced with what is in the file.

Each reader takes a source and the places between which a recording may lie, and gives it as a
`Part`, or None if it is of another format. Decoders see no byte before this.
"""

from __future__ import annotations

from audiotok_jax.audio.containers import tags
from audiotok_jax.audio.containers.aiff import aiff
from audiotok_jax.audio.containers.au import au
from audiotok_jax.audio.containers.boxes import asf, matroska, mp4
from audiotok_jax.audio.containers.caf import caf
from audiotok_jax.audio.containers.flac import flac
from audiotok_jax.audio.containers.frames import adts, amr
from audiotok_jax.audio.containers.mpeg import mpeg
from audiotok_jax.audio.containers.nist import nist
from audiotok_jax.audio.containers.ogg import ogg
from audiotok_jax.audio.containers.part import Part
from audiotok_jax.audio.containers.riff import w64, wav
from audiotok_jax.audio.source import Source

FORMATS = "WAV, RF64, W64, AIFF, AU, CAF, NIST, FLAC, Ogg, MP3, M4A, WebM, AAC, AMR, WMA"

# Frames come last: only many of them make sure.
_READERS = (wav, w64, aiff, au, caf, nist, flac, ogg, mp4, matroska, asf, amr, adts, mpeg)


def parts(source: Source) -> list[Part]:
    """The recordings in a file, one behind the other; none if it is of no format known here.

    What lies between and behind them is tags, padding, or a last part with a fault that says how
    much there is of it.
    """
    found: list[Part] = []
    place = 0
    while place < source.size:
        part = _read(source, place)
        if part is None:
            behind = tags.after(source, place, source.size)
            if behind == place and tags.before(source, place, source.size) > place:
                break
            place = source.size if behind == place else behind
        else:
            found.append(part)
            place = max(part.stop, place + 1)
    rest = source.size - place
    if found and rest > 1:  # one byte is padding, or nothing that a sample fits into
        fault = f"{rest} bytes from byte {place} on, behind the audio, are no audio"
        found.append(Part("", "", source.size, (), fault))
    return found


def _read(source: Source, place: int) -> Part | None:
    for reader in _READERS:
        part = reader(source, place, source.size)
        if part is not None:
            return part
    return None
