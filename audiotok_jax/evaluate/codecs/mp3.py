"""The frames inside an MP3 file, as LAME writes it at 16 kHz (MPEG-2 layer III)."""

from __future__ import annotations

KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""Bitrates in kbit/s, by their index in a frame's header less 1."""

_RATE = 16000
_TAG = 4 + 9  # bytes before the tag: the header, and the side information of one channel


def payload_bits(data: bytes) -> int:
    """Counts the bits of all frames but the one that holds the tag of the encoder.

    Raises:
        ValueError: something else than whole frames of one channel at 16 kHz.
    """
    place = bits = 0
    if not data:
        raise ValueError("MP3: no frame in it")
    while place < len(data):
        header = data[place : place + 4]
        # Sync, MPEG-2 layer III without CRC; 16 kHz is index 2; one channel is mode 3.
        if len(header) < 4 or header[:2] != b"\xff\xf3" or header[2] & 12 != 8 or header[3] < 192:
            raise ValueError(f"MP3: no frame of one channel at 16 kHz at byte {place}")
        index, padding = header[2] >> 4, header[2] >> 1 & 1
        if not 1 <= index <= len(KBPS):
            raise ValueError(f"MP3: no bitrate at byte {place}")
        size = 72 * KBPS[index - 1] * 1000 // _RATE + padding
        frame = data[place : place + size]
        if len(frame) < size:
            raise ValueError("MP3: cut short")
        if place or frame[_TAG : _TAG + 4] not in (b"Info", b"Xing"):
            bits += 8 * size
        place += size
    return bits
