"""`Codec`: a model that onnxruntime runs, window by window, for clips and streams of any length."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiotok_lite import audio
from audiotok_lite.windows import cut

FORMAT = 1
"""Version of `model.json`."""

FACTS = ("model_id", "sample_rate", "hop_length", "bits", "encoder_halo", "decoder_halo")
"""What it must say."""

WINDOW = 256
"""Tokens per window of whole clips."""

ENCODED, DECODED = 8, 16
"""Tokens per window of streams."""


def load(folder: str | os.PathLike[str], threads: int = 1) -> Codec:
    """Loads a model.

    Args:
        folder: as `audiotok export --to onnx` wrote it.
        threads: that onnxruntime takes.

    Raises:
        FileNotFoundError: there is no such folder, or it lacks a file.
        ValueError: it is of another version, or damaged.
    """
    import onnxruntime  # its import takes longer than all else here

    place = Path(folder)
    for name in ("model.json", "encoder.onnx", "decoder.onnx"):
        if not (place / name).is_file():
            raise FileNotFoundError(
                f"{place}: no {name}; make the folder by `audiotok export MODEL --to onnx`"
            )
    about = _read(place / "model.json")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    sessions = {}
    for name in ("encoder", "decoder"):
        path = place / f"{name}.onnx"
        try:
            found = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions have no common base
            raise ValueError(f"{path}: damaged: {error}") from None
        if found.get_modelmeta().custom_metadata_map.get("model_id") != about["model_id"]:
            raise ValueError(f"{path}: of another model than model.json; export both again")
        sessions[name] = found
    return Codec(about, **sessions)


def _read(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: damaged: {error}") from None
    found = about.get("format") if isinstance(about, dict) else None
    if found != FORMAT:
        raise ValueError(f"{path}: format {found!r} is not {FORMAT}, of another version")
    if missing := [name for name in FACTS if name not in about]:
        raise ValueError(f"{path}: damaged: {', '.join(missing)} missing")
    return dict(about)


class Codec:
    """Speech to one stream of tokens and back.

    Attributes:
        model_id: 16 hexadecimal digits; tokens mean nothing to another model.
        sample_rate: of decoded speech, in Hz; speech of any rate is encoded.
        hop_length: samples per token.
        bits: per token.
    """

    def __init__(self, about: dict[str, Any], encoder: Any, decoder: Any) -> None:
        """See `load`."""
        self.model_id: str = about["model_id"]
        self.sample_rate: int = about["sample_rate"]
        self.hop_length: int = about["hop_length"]
        self.bits: int = about["bits"]
        self._encoder_halo: tuple[int, int] = tuple(about["encoder_halo"])
        self._decoder_halo: tuple[int, int] = tuple(about["decoder_halo"])
        self._encoder, self._decoder = encoder, decoder

    def encode(self, samples: ArrayLike, sample_rate: int) -> NDArray[np.uint16]:
        """Tokens of a clip.

        Args:
            samples: float or int16, (S,) or (S, channels), which are mixed, S >= 1.
            sample_rate: of them, in Hz.

        Returns:
            uint16 (T,), T = ceil(R / hop_length), R = ceil(S * self.sample_rate / sample_rate).

        Raises:
            ValueError: the samples are bad, or empty.
        """
        return np.concatenate(list(self.encode_stream([samples], sample_rate, WINDOW)))

    def encode_stream(
        self, chunks: Iterable[ArrayLike], sample_rate: int, window: int = ENCODED
    ) -> Iterator[NDArray[np.uint16]]:
        """Tokens of a clip that comes in chunks of any lengths, as soon as a window is complete.

        Yields:
            uint16 (n,), n >= 1; together what `encode` gives for the whole clip.

        Raises:
            ValueError: as `encode`.
        """
        wave = audio.resample(chunks, sample_rate, self.sample_rate)
        return self.encode_mono(wave, window)

    def encode_mono(
        self, chunks: Iterable[NDArray[np.float32]], window: int = WINDOW
    ) -> Iterator[NDArray[np.uint16]]:
        """As `encode_stream`, of mono float32 at `self.sample_rate`."""
        empty = True
        samples = (audio.to_int16(chunk) for chunk in chunks)
        for data, valid in cut(samples, window * self.hop_length, self._encoder_halo, 0):
            [tokens] = self._encoder.run(["tokens"], {"samples": data[None]})
            empty = False
            yield tokens[0, : -(-valid // self.hop_length)].astype(np.uint16)
        if empty:
            raise ValueError("the audio is empty")

    def decode(self, tokens: ArrayLike) -> NDArray[np.float32]:
        """Speech of a stream of tokens.

        Args:
            tokens: integers (T,), each of `bits` bits, T >= 1.

        Returns:
            float32 (T * hop_length,) at `self.sample_rate`.

        Raises:
            ValueError: the tokens are bad, or there is none.
        """
        return np.concatenate(list(self.decode_stream([tokens], WINDOW)))

    def decode_stream(
        self, chunks: Iterable[ArrayLike], window: int = DECODED
    ) -> Iterator[NDArray[np.float32]]:
        """Speech of tokens that come in chunks of any lengths, as soon as a window is complete.

        Yields:
            float32 (n,), n >= 1; together what `decode` gives for all tokens.

        Raises:
            ValueError: as `decode`.
        """
        phase = frame = np.zeros(1, np.int64)
        tokens = (self._checked(chunk) for chunk in chunks)
        empty = True
        for data, valid in cut(tokens, window, self._decoder_halo, -1):
            feeds = {"tokens": data[None], "phase": phase, "frame": frame}
            wave, phase, frame = self._decoder.run(["wave", "next_phase", "next_frame"], feeds)
            empty = False
            yield wave[0, : valid * self.hop_length]
        if empty:
            raise ValueError("the token stream is empty")

    def _checked(self, tokens: ArrayLike) -> NDArray[np.int32]:
        array = np.asarray(tokens)
        if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
            raise ValueError(f"tokens must be integers (T,), not {array.dtype} {array.shape}")
        if len(array) and (array.min() < 0 or array.max() >= 2**self.bits):
            raise ValueError(f"tokens of {self.bits} bits must lie in 0..{2**self.bits - 1}")
        return array.astype(np.int32)
