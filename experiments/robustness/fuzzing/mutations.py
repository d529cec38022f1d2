"""Mutations of any bytes, of text, of JSON, and of headers, whose checksums are corrected."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from fuzzing.target import Mutation

HEADER = 256
"""Bytes at the start that are changed more often than others."""

SNIPPETS = (
    *(b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\n", b"\r\n", b"\r", b"\n\n", b'"', b"'", b'""', b","),
    *(b"\t", b";", b"\\", b"{", b"}", b"[", b"]", b"[" * 1000, b'{"a":' * 1000, b"\x1a", b"\xe9"),
    *(b"\xe2\x80\xa8", b"\xc2\x85", b"\x0c", b"../", b"nan", b"-", b"9" * 40, b"\0" * 512),
)
"""Bytes to insert."""

PATHS = (
    *("../../x", "/etc/hostname", "/dev/zero", "/dev/stdin", "file:///dev/zero", "a\0b", "x" * 300),
    *("http://127.0.0.1:9/a.wav", "s3://none/a.wav", "a/./b.wav", "a//b.wav", ".", "..", "~", " "),
)
"""Names that lead elsewhere, or nowhere."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 0.5, 1e308, float("nan"), float("inf"), 10**6, 10**9 + 1),
    *(2**31, 2**63, 10**30, "", "0", "NaN", [], {}, [[]], [0], {"a": 0}, *PATHS),
)
"""Replacements for values in JSON."""

RAW = {"@deep": "[" * 200_000 + "]" * 200_000, "@open": "[" * 200_000, "@digits": "9" * 5000}
"""Further replacements, which are too much for `json.dumps`, by their placeholders."""


def flip(data: bytes, random: Random) -> bytes:
    """Flips some bits."""
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        at = _place(data, random)
        found[at] ^= 1 << random.randrange(8)
    return bytes(found)


def cut(data: bytes, random: Random) -> bytes:
    """Cuts off the end."""
    return data[: random.randrange(len(data))]


def cut_little(data: bytes, random: Random) -> bytes:
    """Cuts off a few bytes at the end."""
    return data[: -random.randint(1, min(16, len(data)))]


def behead(data: bytes, random: Random) -> bytes:
    """Cuts off the start."""
    return data[random.randrange(len(data)) :]


def double(data: bytes, random: Random) -> bytes:
    """Appends the file or the start of it to itself."""
    return data + random.choice((data, data[: random.randrange(1, len(data) + 1)]))


def append(data: bytes, random: Random) -> bytes:
    """Appends zeros or random bytes."""
    size = random.choice((1, 4, 100, 2000))
    return data + random.choice((bytes(size), random.randbytes(size)))


def remove(data: bytes, random: Random) -> bytes:
    """Removes a piece."""
    start, stop = _span(data, random)
    return data[:start] + data[stop:]


def repeat(data: bytes, random: Random) -> bytes:
    """Repeats a piece."""
    start, stop = _span(data, random)
    return data[:stop] + data[start:]


def swap(data: bytes, random: Random) -> bytes:
    """Swaps two adjacent pieces."""
    start, stop = _span(data, random)
    end = min(len(data), 2 * stop - start)
    return data[:start] + data[stop:end] + data[start:stop] + data[end:]


def blank(data: bytes, random: Random) -> bytes:
    """Zeroes a piece."""
    start, stop = _span(data, random)
    return data[:start] + bytes(stop - start) + data[stop:]


def extreme(data: bytes, random: Random) -> bytes:
    """Sets a number in the header to an extreme or unusual value."""
    width = random.choice((1, 2, 4, 8))
    at = _place(data, random)
    bits = 8 * width
    value = random.choice((0, 1, 2, 100, 2**bits - 1, 2 ** (bits - 1), 2 ** (bits - 1) - 1))
    value = min(value, 2**bits - 1)
    number = value.to_bytes(width, random.choice(("little", "big")))
    return data[:at] + number + data[at + width :]


def insert(data: bytes, random: Random) -> bytes:
    """Inserts a byte order mark, quote, line end or the like, at the start, the end or anywhere."""
    at = random.choice((0, len(data), random.randint(0, len(data)), random.randint(0, len(data))))
    return data[:at] + random.choice(SNIPPETS) + data[at:]


BYTES: tuple[Mutation, ...] = (
    *(flip, flip, cut, cut_little, behead, double, append, remove, repeat, swap, blank),
    *(extreme, extreme, insert),
)
"""Mutations for any file."""


def joined(other: bytes) -> Mutation:
    """A mutation that appends another file."""

    def join(data: bytes, random: Random) -> bytes:
        return data + other

    return join


def value(data: bytes, random: Random) -> bytes:
    """Changes a value of JSON, or its type, removes it, or duplicates it."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):  # another mutation came before
        return flip(data, random)
    raw = dict(RAW)
    if not isinstance(tree, dict | list) or not tree:
        return data
    node, key = _pick(tree, random)
    kind = random.randrange(6)
    if kind < 3:
        node[key] = random.choice((*VALUES, *RAW))
    elif kind == 3:
        del node[key]
    elif kind == 4 and isinstance(node, dict):
        again = json.dumps(random.choice(VALUES[:12]))
        raw["@twice"] = f"{json.dumps(node[key])}, {json.dumps(key)}: {again}"
        node[key] = "@twice"
    elif isinstance(node, dict):
        node[random.choice(("x", key + " ", key.upper() or "x"))] = node.pop(key)
    else:
        node.insert(key, node[random.randrange(len(node))])
    text = json.dumps(tree, indent=1)
    for name, what in raw.items():
        text = text.replace(json.dumps(name), what)
    return text.encode() + b"\n"


def in_a_line(mutate: Mutation) -> Mutation:
    """A mutation that applies `mutate` to one line of a text."""

    def line(data: bytes, random: Random) -> bytes:
        lines = data.split(b"\n")
        at = random.randrange(len(lines))
        if lines[at]:
            lines[at] = mutate(lines[at], random).strip().replace(b"\n", b" ")
        return b"\n".join(lines)

    return line


def line_twice(data: bytes, random: Random) -> bytes:
    """Repeats a line of a text."""
    lines = data.split(b"\n")
    lines.insert(random.randrange(len(lines)), random.choice(lines))
    return b"\n".join(lines)


def other_separators(data: bytes, random: Random) -> bytes:
    """Replaces separators of fields or lines, in the whole text or some of them."""
    old, new = random.choice(((b",", b";"), (b"\t", b","), (b"\t", b" "), (b"\n", b"\r\n")))
    every = random.random() < 0.5
    return data.replace(old, new, -1 if every else random.randint(1, 9))


def other_encoding(data: bytes, random: Random) -> bytes:
    """Changes the encoding of a text."""
    text = data.decode(errors="replace")
    return text.encode(random.choice(("latin-1", "utf-16", "utf-8-sig")), errors="replace")


def other_path(data: bytes, random: Random) -> bytes:
    """Changes the path of a WAV file in a text."""
    found = data.split(b".wav")
    if len(found) < 2:
        return flip(data, random)
    at = random.randrange(len(found) - 1)
    start = max(found[at].rfind(mark) for mark in (b"\n", b"\t", b",", b'"', b" ")) + 1
    path = random.choice((*PATHS, "clips/pipe.wav", "clips/loop.wav", "clips")).encode()
    found[at : at + 2] = [found[at][:start] + path + found[at + 1]]
    return b".wav".join(found)


TEXT: tuple[Mutation, ...] = (
    *(*BYTES, insert, insert, insert, line_twice, other_separators, other_encoding, other_path),
    *(in_a_line(remove), in_a_line(insert)),
)
"""Mutations for text."""


def forged(
    change: Callable[[bytearray, Random], None], mend: Callable[[bytearray], None]
) -> Mutation:
    """A mutation that changes a header and corrects what depends on it, such as a checksum."""

    def forge(data: bytes, random: Random) -> bytes:
        found = bytearray(data)
        change(found, random)
        mend(found)
        return bytes(found)

    return forge


def _place(data: bytes, random: Random) -> int:
    """The position of a byte; half of the time in the header."""
    return random.randrange(len(data) if random.random() < 0.5 else min(len(data), HEADER))


def _span(data: bytes, random: Random) -> tuple[int, int]:
    """The start and end of a piece."""
    size = random.choice((1, 2, 4, 16, 100, 512, 1024, max(1, len(data) // 4)))
    start = _place(data, random)
    if random.random() < 0.3:
        start = start // 512 * 512
    return start, min(len(data), start + size)


def _pick(tree: Any, random: Random) -> tuple[Any, Any]:
    """A container in a tree of JSON, and a key in it."""
    node = tree
    while True:
        key = random.choice(list(node)) if isinstance(node, dict) else random.randrange(len(node))
        inner = node[key]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.2:
            return node, key
        node = inner
