"""Benchmark tasks of this package: files, and live streams by steps of one frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from audiotok_jax import audio, live
from audiotok_jax.bench.rounds import Task
from audiotok_jax.codec import model
from audiotok_jax.pretrained import Model
from audiotok_jax.products import matmul_flops
from audiotok_jax.tokenizer import AudioTokenizer

RATE = 16000
"""Sample rate of the files, in Hz."""

CLIP = 10
"""Seconds of the longest file: that of an utterance."""

STREAMS = 64
"""Live streams in a batch; a single one is measured, too."""

STEPS = 100
"""Steps of the streams in a run."""


def lengths(seconds: int) -> list[int]:
    """Seconds of each file, `seconds` in all."""
    return [min(CLIP, seconds - done) for done in range(0, seconds, CLIP)]


def sound(seconds: int, rate: int, seed: int) -> np.ndarray:
    """Noise whose level goes up and down as that of speech, float32 (S,)."""
    time = np.arange(seconds * rate) / rate
    noise = np.random.default_rng(seed).normal(size=len(time))
    return (0.1 * noise * np.sin(2 * np.pi * 2 * time) ** 2).astype(np.float32)


def write_clips(folder: Path, seconds: int) -> list[Path]:
    """Writes the files to encode."""
    folder.mkdir()
    paths = []
    for number, length in enumerate(lengths(seconds)):
        paths.append(folder / f"{number:04}.wav")
        audio.write(paths[-1], sound(length, RATE, number), RATE)
    return paths


def tokenizer_on(device: jax.Device, loaded: Model) -> AudioTokenizer:
    """A tokenizer on one device, the one whose rate of matrix products is measured."""
    return AudioTokenizer(loaded.params, loaded.config, loaded.model_id, devices=[device])


def of_files(
    name: str, loaded: Model, clips: Sequence[Path], seconds: int, device: jax.Device
) -> list[Task]:
    """Encoding of clips to tokens, and decoding of tokens to files beside them, in full batches."""
    params, config = loaded.params, loaded.config
    tokenizer = tokenizer_on(device, loaded)
    rng = np.random.default_rng(0)
    frames = [config.frames(length * config.sample_rate) for length in lengths(seconds)]
    tokens = [rng.integers(0, config.codebook_size, count) for count in frames]
    windows = sum(-(-count // tokenizer.window) for count in frames)
    wave = tokenizer.window * config.hop_length + sum(config.encoder_halo)
    heard = jax.ShapeDtypeStruct((1, wave), np.float32)
    spoken = jax.ShapeDtypeStruct((1, tokenizer.window + sum(config.decoder_halo)), np.int32)

    def flops(function: Any, window: jax.ShapeDtypeStruct) -> float:
        traced = jax.jit(function, static_argnums=1).trace(params, config, window)
        return windows * matmul_flops(traced.jaxpr)

    def decode() -> None:
        for clip, wave in zip(clips, tokenizer.decode_batch(tokens), strict=True):
            audio.write(f"{clip.parent}.{clip.name}", wave, config.sample_rate)

    encoding, decoding = flops(model.encode_window, heard), flops(model.prepare, spoken)
    return [
        Task("encode files", name, seconds, lambda: tokenizer.encode_batch(clips), flops=encoding),
        Task("decode files", name, seconds, decode, flops=decoding),
    ]


def of_streams(name: str, loaded: Model, streams: int, device: jax.Device) -> list[Task]:
    """Steps of live streams; inputs come from the host, and outputs go to it."""
    config = loaded.config
    params = jax.device_put(loaded.params, device)
    rng = np.random.default_rng(0)
    waves = 0.1 * rng.normal(size=(STEPS, streams, config.hop_length))
    tokens = rng.integers(0, config.codebook_size, (STEPS, streams, 1))

    def task(verb: str, start: Any, step: Any, units: np.ndarray) -> Task:
        state = start(params, config, streams)
        flops = STEPS * matmul_flops(step.trace(params, config, state, units[0]).jaxpr)

        def run() -> None:
            nonlocal state
            for unit in units:
                state, made = jax.block_until_ready(step(params, config, state, unit))
                np.asarray(made)

        what = f"{verb} {streams} {'stream' if streams == 1 else 'streams'}"
        speech = STEPS * streams / config.frame_rate
        return Task(what, name, speech, run, streams, STEPS, flops)

    return [
        task("encode", live.start_encoder, live.encode_step, waves.astype(np.float32)),
        task("decode", live.start_decoder, live.decode_step, tokens.astype(np.int32)),
    ]
