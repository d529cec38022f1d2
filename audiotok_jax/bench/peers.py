"""Benchmark tasks of other neural codecs, with random weights, which do not change their speed."""

from __future__ import annotations

from typing import Any

from audiotok_jax.bench.ours import sound
from audiotok_jax.bench.rounds import Task
from audiotok_jax.evaluate.codecs import peers

PEERS: dict[str, tuple[type[peers.Peer], str, dict[str, Any]]] = {
    "encodec": (peers.Encodec, "6", {}),
    "dac": (
        peers.Dac,
        "12",
        {"downsampling_ratios": [2, 4, 5, 8], "upsampling_ratios": [8, 5, 4, 2], "n_codebooks": 12},
    ),
    "mimi": (peers.Mimi, "8", {}),
}
"""Class, size (kbit/s of EnCodec at 24 kHz, number of codebooks of the others), and the settings of
the published model that differ from the defaults; DAC is the one for 16 kHz."""


def of_peer(kind: str, seconds: int) -> list[Task]:
    """Encoding and decoding of a clip at its own sample rate, in memory, by PyTorch on the CPU.

    Raises:
        ValueError: PyTorch or `transformers` is not installed.
    """
    peer_class, size, settings = PEERS[kind]
    name = f"{kind}:{size}"
    codec = peer_class.untrained(name, size, **settings)
    wave = sound(seconds, codec.sample_rate, 0)
    coded = codec.encode(wave, codec.sample_rate)
    return [
        Task("encode files", name, seconds, lambda: codec.encode(wave, codec.sample_rate)),
        Task("decode files", name, seconds, lambda: codec.decode(coded)),
    ]
