"""Parsers of audio containers, which compare the header of a file with its content.

Each parser takes a source and the byte range in which a recording may lie, and returns a `Part`, or
None if the format is another one. They run before any decoder sees the file.
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

# Formats without a magic number come last: only several frames in a row identify them.
_READERS = (wav, w64, aiff, au, caf, nist, flac, ogg, mp4, matroska, asf, amr, adts, mpeg)


def parts(source: Source) -> list[Part]:
    """The recordings in a file, in order; empty if the format is unknown.

    Tags and padding between them are skipped. Any other bytes after the last recording become a
    part with a fault that says how many there are.
    """
    found: list[Part] = []
    place = 0
    while place < source.size:
        read = (reader(source, place, source.size) for reader in _READERS)
        part = next((one for one in read if one is not None), None)
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
