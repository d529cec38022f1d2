"""Files of tokens: .atok, plain and compact, .npy and .json, and the prior of compact ones."""

from __future__ import annotations

import io
import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from audiotok_jax import AudioTokenizer, entropy, interchange, tokenfile
from audiotok_jax.entropy import Coder, Prior
from audiotok_jax.entropy.prior import STEPS
from audiotok_jax.tokenfile import TokenFile
from fuzzing import mutations, safetensors_files, strict
from fuzzing.target import Mutation, Silent, Target, expect

FOLDER = "tokens"
MODEL = SimpleNamespace(model_id="0123456789abcdef", sample_rate=16000, hop_length=200, bits=16)
TOKENS = 40
BLOCK = 16  # tokens of the prior's blocks, of which there are three
HEADER = struct.Struct("<8sBB8sIIQQ")
FIELDS = ("bits", "model_id", "sample_rate", "hop_length", "num_samples")

Check = Callable[[bytes], bool]


def make(folder: Path) -> None:
    """Writes the undamaged files."""
    place = folder / FOLDER
    place.mkdir()
    rng = np.random.default_rng(0)
    prior = _some_prior(rng)
    prior.save(place / entropy.FILE)
    about = (MODEL.model_id, MODEL.sample_rate, MODEL.hop_length, TOKENS * MODEL.hop_length - 7)
    for bits in (10, 16):
        found = TokenFile(rng.integers(0, 2**bits, TOKENS, np.uint16), *about, bits)
        tokenfile.write(place / f"plain{bits}.atok", found)
    tokenfile.write(place / "compact.atok", found, Coder(prior))
    (place / "tokens.json").write_bytes(interchange.dump_json(found))
    (place / "short.npy").write_bytes(interchange.dump_npy(found))
    (place / "printed.txt").write_text(
        f"first tensor([{found.tokens.tolist()}], device='cuda:0')\n"
        f"second tensor({found.tokens.tolist()})\n"
    )
    np.save(place / "long.npy", found.tokens.astype(np.int64))


def targets(folder: Path) -> list[Target]:
    """The targets among them."""
    place = folder / FOLDER
    atok = (*mutations.BYTES, *(mutations.forged(_forge_atok, _mend_atok),) * 6)
    npy = (*mutations.BYTES, *(_other_array,) * 4)
    text = (*mutations.TEXT, *(mutations.value,) * 20)
    prior = place / entropy.FILE
    coder = Coder(Prior.load(prior))
    found: list[tuple[str, int, str, Sequence[Mutation], Callable[[Path], Check]]] = [
        (".atok", 500, "plain10.atok", atok, _plain),
        (".atok", 500, "plain16.atok", atok, _plain),
        (".atok, compact", 600, "compact.atok", atok, partial(_compact, coder)),
        (".atok, recovered", 600, "compact.atok", atok, partial(_recovered, coder)),
        (".npy", 350, "short.npy", npy, _npy),
        (".npy", 350, "long.npy", npy, _npy),
        (".json", 700, "tokens.json", text, _json),
        ("printed tensors", 150, "printed.txt", mutations.TEXT, _printed),
        ("prior", 500, prior.name, safetensors_files.MUTATIONS, _prior),
    ]
    return [
        Target(reader, share, place / name, how, check(place / name), place / name)
        for reader, share, name, how, check in found
    ]


def _facts(found: TokenFile) -> dict[str, Any]:
    return {name: getattr(found, name) for name in FIELDS} | {"tokens": found.tokens.tolist()}


def _plain(path: Path) -> Check:
    whole = _facts(tokenfile.read(path))

    def check(data: bytes) -> bool:
        found = _facts(tokenfile.read(path))
        expect(found == _by_layout(data), "other tokens than the bytes say")
        return found == whole

    return check


def _by_layout(data: bytes) -> dict[str, Any]:
    """The content of a plain file, read according to the documented layout."""
    _, _, bits, model_id, rate, hop, samples, count = HEADER.unpack_from(data)
    size = -(-count * bits // 8)
    expect(len(data) == HEADER.size + size + 4, "more or fewer bytes than tokens take")
    expect(data[-4:] == struct.pack("<I", zlib.crc32(data[:-4])), "read with a wrong checksum")
    number = int.from_bytes(data[HEADER.size : -4], "big") >> (8 * size - count * bits)
    tokens = [number >> bits * (count - 1 - n) & (1 << bits) - 1 for n in range(count)]
    facts = (bits, model_id.hex(), rate, hop, samples)
    return dict(zip(FIELDS, facts, strict=True)) | {"tokens": tokens}


def _compact(coder: Coder, path: Path) -> Check:
    whole = _facts(tokenfile.read(path, find=_finds(coder)))
    header = path.read_bytes()[: HEADER.size + 12]

    def check(data: bytes) -> bool:
        found = _facts(tokenfile.read(path, find=_finds(coder)))
        if data.startswith(header):
            expect(found == whole, "other tokens, though blocks have checksums")
        else:
            _check_header(found, data)
        return found == whole

    return check


def _recovered(coder: Coder, path: Path) -> Check:
    whole = _facts(tokenfile.read(path, find=_finds(coder)))
    header = path.read_bytes()[: HEADER.size + 12]

    def check(data: bytes) -> bool:
        token_file, lost = tokenfile.recover(path, find=_finds(coder))
        found = _facts(token_file)
        if not data.startswith(header):
            _check_header(found, data)
            return False
        gone = {place for span in lost for place in span}
        expected = [0 if n in gone else token for n, token in enumerate(whole["tokens"])]
        expect(found == whole | {"tokens": expected}, "other tokens outside of what is lost")
        return found == whole

    return check


def _finds(coder: Coder) -> tokenfile.Coders:
    def find(prior_id: str) -> Coder:
        if prior_id != coder.prior.id:
            raise entropy.UnknownPriorError(f"there is no prior {prior_id}")
        return coder

    return find


def _check_header(found: dict[str, Any], data: bytes) -> None:
    """Checks a changed header of a compact file: it must match its checksum and the tokens."""
    end = HEADER.size + 8
    expect(data[end : end + 4] == struct.pack("<I", zlib.crc32(data[:end])), "a wrong checksum")
    _, _, bits, model_id, rate, hop, samples, count = HEADER.unpack_from(data)
    values = (bits, model_id.hex(), rate, hop, samples)
    expect([found[name] for name in FIELDS] == list(values), "other facts than its header says")
    expect(len(found["tokens"]) == count, "more or fewer tokens than its header says")


def _npy(path: Path) -> Check:
    tokenizer = cast(AudioTokenizer, MODEL)
    whole = interchange.read(path, tokenizer).tokens

    def check(data: bytes) -> bool:
        found = interchange.read(path, tokenizer).tokens
        file = io.BytesIO(data)
        try:
            known = np.load(file, allow_pickle=False)
        except Exception as error:
            raise Silent(f"NumPy does not read it: {error}") from None
        expect(not file.read(1), "bytes behind the tokens")
        expect(np.array_equal(found, known), "other tokens than NumPy reads")
        return np.array_equal(found, whole)

    return check


def _json(path: Path) -> Check:
    tokenizer = cast(AudioTokenizer, MODEL)
    whole = _facts(interchange.read(path, tokenizer))

    def check(data: bytes) -> bool:
        found = _facts(interchange.read(path, tokenizer))
        known = strict.parse(data)
        for name, value in found.items():
            expect(strict.same(value, known[name]), f"{name} is not what the JSON says")
        return found == whole

    return check


def _printed(path: Path) -> Check:
    whole = [tokens.tolist() for tokens in interchange.read_streams(path)]

    def check(data: bytes) -> bool:
        found = [tokens.tolist() for tokens in interchange.read_streams(path)]
        bodies = re.findall(r"\btensor\(([^()]*)\]", data.decode(errors="replace"))
        known = [[int(digits) for digits in re.findall(r"-?\d+", body)] for body in bodies]
        expect(found == known, "other numbers than are printed")
        return found == whole

    return check


def _prior(path: Path) -> Check:
    whole = Prior.load(path)
    tokens = np.random.default_rng(0).integers(0, 2**whole.bits, TOKENS)

    def check(data: bytes) -> bool:
        found = Prior.load(path)
        arrays, about = safetensors_files.parse(data)
        expect(
            about == {"version": "1", "model_id": found.model_id, "block": str(found.block)},
            "other facts than the file says",
        )
        for name, array in arrays.items():
            same = np.array_equal(getattr(found, name), array)
            expect(same, f"{name} is not what the file says")
        coder = Coder(found)
        some = tokens % 2**found.bits
        again = coder.decode(coder.encode(some), len(some))
        expect(np.array_equal(again, some), "tokens do not come back")
        return found.id == whole.id

    return check


def _some_prior(rng: np.random.Generator) -> Prior:
    bits, hidden, neighbours = MODEL.bits, 2, 2
    weights = rng.integers(-9, 9, (STEPS, (neighbours + 1) * bits, bits, hidden)).astype(np.int8)
    for bit in range(bits):
        weights[:, neighbours * bits + bit :, bit] = 0
    return Prior(
        MODEL.model_id,
        BLOCK,
        weights,
        rng.integers(-99, 99, (STEPS, bits, hidden)).astype(np.int32),
        rng.integers(-999, 999, (STEPS, bits, hidden)).astype(np.int32),
        rng.integers(-999, 999, (STEPS, bits)),
        np.linspace(2**12, 2**16 - 2**12, 64).astype(np.uint16),
    )


def _forge_atok(data: bytearray, random: random.Random) -> None:
    """Gives a field of the header another value."""
    if len(data) < HEADER.size:
        return
    at, size = random.choice(((8, 1), (9, 1), (10, 8), (18, 4), (22, 4), (26, 8), (34, 8)))
    most = 2 ** (8 * size) - 1
    now = int.from_bytes(data[at : at + size], "little")
    choices = (0, 1, 2, most, most // 2, most // 2 + 1, now - 1, now + 1, now * 2**16, now * 2**30)
    data[at : at + size] = (random.choice(choices) & most).to_bytes(size, "little")
    if at == 26 and random.random() < 0.7:  # samples and tokens that fit together
        samples, hop = (int.from_bytes(data[a:b], "little") for a, b in ((26, 34), (22, 26)))
        data[34:42] = (-(-samples // max(1, hop))).to_bytes(8, "little")


def _mend_atok(data: bytearray) -> None:
    """Sets the checksum."""
    if len(data) > HEADER.size + 12 and data[8] == tokenfile.CODED:
        data[50:54] = struct.pack("<I", zlib.crc32(data[:50]))
    else:
        data[-4:] = struct.pack("<I", zlib.crc32(data[:-4]))


def _other_array(data: bytes, random: random.Random) -> bytes:
    """Changes the description of the array."""
    start, text = data[:8], data[10:].split(b"\n")[0]
    old = random.choice((b"(40,)", b"<u2", b"<i8", b"False", b"'shape'", b"descr"))
    new = random.choice(
        (b"(0,)", b"(-1,)", b"()", b"(1, 40)", b"(80,)", b"(10,)", b"(9999999999999,)", b"(4e1,)")
        + (b"|O", b"<f8", b"<u1", b">u2", b"|b1", b"<U2", b"None", b"True", b"(" * 2000, b"'a'")
        + (b"(2**99,)", b"__import__('os')", b"[('a', '<u2')]", b"('<u2', (1,))", b"<M8[s]")
    )
    text = text.replace(old, new) + b"\n"
    body = data.split(b"\n", 1)[-1]
    return start + struct.pack("<H", min(len(text), 65535)) + text + body
