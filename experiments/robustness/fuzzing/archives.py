"""Tars of audio."""

from __future__ import annotations

import io
import random
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

from audiotok_jax import audio
from audiotok_jax.corpus import inputs
from audiotok_jax.data.sources import listing
from audiotok_jax.formats import AUDIO_READ
from fuzzing import mutations
from fuzzing.sounds import speech
from fuzzing.target import Target, expect

FOLDER = "tars"
RATE = 16000
BLOCK = 512
TYPE = 156  # offset of the type in the header of a member
LONG = "deep/" * 30 + "long.wav"  # a name of more than the 100 bytes of a header


def make(folder: Path) -> None:
    """Writes a tar of each kind, with a hard link, a long name, and a file that is not audio."""
    place = folder / FOLDER
    place.mkdir()
    clips = []
    for number, suffix in enumerate((".wav", ".flac", ".wav")):
        path = place / f"clip{number}{suffix}"
        audio.write(path, speech(2000, number), RATE)
        clips.append(path.read_bytes())
        path.unlink()
    for name, form in (("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
        with tarfile.open(place / f"{name}.tar", "w", format=form) as tar:
            for member, data in zip(("en/a.wav", "b.flac", LONG), clips, strict=True):
                entry = tarfile.TarInfo(member)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
            link = tarfile.TarInfo("en/linked.wav")
            link.type, link.linkname = tarfile.LNKTYPE, "en/a.wav"
            tar.addfile(link)
            text = tarfile.TarInfo("a.json")
            text.size = 2
            tar.addfile(text, io.BytesIO(b"{}"))


def targets(folder: Path) -> list[Target]:
    """The targets among them."""
    found = []
    gnu, pax = (folder / FOLDER / f"{name}.tar" for name in ("gnu", "pax"))
    forge = mutations.forged(_forge, _mend)
    for path, other in ((gnu, pax), (pax, gnu)):
        joined = mutations.joined(other.read_bytes())
        how = (*mutations.BYTES, _whole_blocks, _whole_blocks, joined, *(forge,) * 6)
        found.append(Target(".tar", 350, path, how, _tar(path), path))
    return found


def _tar(path: Path) -> Callable[[bytes], bool]:
    whole = _members(inputs.find([str(path)]))

    def check(data: bytes) -> bool:
        known = inputs.find([str(path)])
        tars = listing(str(path), RATE)
        expect(
            len(tars.clips) + len(tars.skipped) == len(known),
            f"{len(tars.clips)} clips and {len(tars.skipped)} skipped of {len(known)} for a corpus",
        )
        for number in range(len(tars.clips)):
            tars.read(number, 0, RATE)
        found = _members(known)
        faults = [one for one in known if one.fault]
        if not any(Path(one.path) == path for one in faults):  # else the whole tar is reported
            others = _without_suffix(path)
            lost = 0
            for content in set(whole.values()):
                places = {one.start() for one in re.finditer(re.escape(content), data)} - others
                # Its header may have changed to one that describes the next member.
                places = {at for at in places if data[at - BLOCK + TYPE] not in b"gxXLK"}
                lost += sum(not _is_in(known, at, len(content)) for at in places)
            expect(
                lost <= len(faults), f"{lost} members are in it and not read, {len(faults)} told"
            )
        if faults:
            raise ValueError(f"{path}: {faults[0].path}: {faults[0].fault}")
        return found == whole

    return check


def _members(clips: list[inputs.Original]) -> dict[str, bytes]:
    """The bytes of clips, by id."""
    found = {}
    for one in clips:
        if not one.fault:
            with open(one.container, "rb") as tar:
                tar.seek(one.offset)
                found[one.id] = tar.read(one.size)
    return found


def _is_in(clips: list[inputs.Original], start: int, size: int) -> bool:
    """Whether some bytes of a tar are those of a clip, or part of them."""
    return any(
        one.offset <= start and start + size <= one.offset + one.size
        for one in clips
        if not one.fault
    )


def _without_suffix(path: Path) -> set[int]:
    """Offsets of members whose names were changed to ones that are not audio."""
    try:
        with tarfile.open(path, "r:", ignore_zeros=True) as tar:
            return {one.offset_data for one in tar if not one.name.endswith(AUDIO_READ)}
    except (tarfile.TarError, ValueError, OverflowError, OSError):
        return set()


def _whole_blocks(data: bytes, random: random.Random) -> bytes:
    """Removes, repeats or zeroes some blocks of 512 bytes."""
    start = random.randrange(max(1, len(data) // BLOCK)) * BLOCK
    stop = start + BLOCK * random.choice((1, 1, 2, 9))
    inner = random.choice((b"", data[start:stop] * 2, bytes(stop - start)))
    return data[:start] + inner + data[stop:]


def _forge(data: bytearray, random: random.Random) -> None:
    """Gives a field of a header another value."""
    starts = _headers(data)
    if not starts:
        return
    at = random.choice(starts)
    paths = [name.encode()[:99] for name in mutations.PATHS]
    sizes = (b"77777777777\0", b"-0000000001\0", b"\x80" + bytes(10) + b"\x10", b"\xff" * 12)
    field = random.randrange(4)
    if field == 0:
        data[at : at + 100] = random.choice(paths).ljust(100, b"\0")
    elif field == 1:
        size = random.choice((*sizes, b"%011o\0" % random.choice((0, 1, 511, 512, 513, 10**6))))
        data[at + 124 : at + 136] = size
    elif field == 2:
        data[at + TYPE] = random.choice(b"0123567gxLKSZ\0")
    else:
        data[at + 157 : at + 257] = random.choice(paths).ljust(100, b"\0")


def _mend(data: bytearray) -> None:
    """Sets the checksums of headers."""
    for at in _headers(data):
        data[at + 148 : at + 156] = b" " * 8
        data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + BLOCK])


def _headers(data: bytearray) -> list[int]:
    return [
        at for at in range(0, len(data) - BLOCK, BLOCK) if data[at + 257 : at + 262] == b"ustar"
    ]
