"""The packets inside an Ogg file (RFC 3533)."""

from __future__ import annotations

import struct

_HEADER = struct.Struct("<4sBBqIIIB")  # magic, version, flags, granule, serial, number, CRC, count
_CONTINUED, _LAST = 1, 4


def packets(data: bytes) -> list[bytes]:
    """Returns the packets of an Ogg file of one stream, beginning with those of its headers.

    Raises:
        ValueError: pages are missing, damaged, out of order or of several streams.
    """
    found: list[bytes] = []
    open_packet: bytes | None = None
    stream = None
    place = number = flags = 0
    while place < len(data):
        if len(data) < place + _HEADER.size:
            raise ValueError("Ogg: cut short")
        magic, version, flags, _, serial, found_number, _, count = _HEADER.unpack_from(data, place)
        if magic != b"OggS" or version:
            raise ValueError(f"Ogg: no page at byte {place}")
        stream = serial if stream is None else stream
        if (serial, found_number) != (stream, number):
            raise ValueError(f"Ogg: page {number} of the stream is missing, or there are two")
        if bool(flags & _CONTINUED) != (open_packet is not None):
            raise ValueError(f"Ogg: page {number} does not continue the one before")
        place += _HEADER.size
        lacing = data[place : place + count]
        place += count
        if len(lacing) < count or len(data) < place + sum(lacing):
            raise ValueError("Ogg: cut short")
        # A segment of 255 bytes is followed by more of its packet, any other ends it.
        for size in lacing:
            open_packet = (open_packet or b"") + data[place : place + size]
            place += size
            if size < 255:
                found.append(open_packet)
                open_packet = None
        number += 1
    if open_packet is not None or not flags & _LAST:
        raise ValueError("Ogg: cut short")
    return found
