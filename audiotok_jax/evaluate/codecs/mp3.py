"""The frames inside an MP3 file, as LAME writes it at 16 kHz (MPEG-2 layer III)."""

from __future__ import annotations

import io

from audiotok_jax.audio.containers.mpeg import RATES_KBPS, frame
from audiotok_jax.audio.source import Source

KBPS = RATES_KBPS[False, 3]
"""Bitrates in kbit/s."""

_RATE = 16000


def payload_bits(data: bytes) -> int:
    """Counts the bits of all frames except the one with the tag of the encoder.

    Raises:
        ValueError: there are other bytes than complete frames at 16 kHz.
    """
    source = Source(io.BytesIO(data))
    place = bits = 0
    while place < len(data) or not data:
        found = frame(source, place)
        if found is None or found.rate != _RATE:
            raise ValueError(f"MP3: no frame at 16 kHz at byte {place}")
        if place + found.size > len(data):
            raise ValueError("MP3: cut short")
        if place or source.at(4 + found.side, 4) not in (b"Info", b"Xing"):
            bits += 8 * found.size
        place += found.size
    return bits
