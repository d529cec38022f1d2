"""Code speech while it is spoken.

Reads raw samples from standard input, 16-bit integers, little-endian, without a header, and writes
to standard output, as soon as it is known:

  speech   raw samples of the same kind, one channel, at the sample rate of the model
  tokens   16-bit integers, little-endian

Reads such tokens, too. The delay that this adds is printed at the start.
"""

from __future__ import annotations

import argparse
import sys
import time
from io import BufferedReader
from typing import TYPE_CHECKING, Any, cast

from audiotok_jax import signals
from audiotok_jax.commands import _options as options
from audiotok_jax.terminal import tell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audiotok_jax.live import DecoderStream, EncoderStream
    from audiotok_jax.tokenizer import AudioTokenizer

EXAMPLES = (
    "arecord -t raw -f S16_LE -r 16000 | audiotok live --model live/ --to tokens | nc HOST 5000",
    "nc -l 5000 | audiotok live --model live/ --from tokens | aplay -t raw -f S16_LE -r 16000",
)

BYTES = 1 << 16
"""Largest number of bytes read at once; fewer are read without waiting for more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, what in (("--from", "standard input"), ("--to", "standard output")):
        parser.add_argument(
            name,
            dest=name[2:] + "_",
            choices=("speech", "tokens"),
            default="speech",
            help=f"what {what} is; default: %(default)s",
        )
    parser.add_argument(
        "--rate", type=options.positive, metavar="HZ", help="of the input; default: the model's"
    )
    parser.add_argument(
        "--channels",
        type=options.positive,
        metavar="N",
        help="of the input, interleaved, of which the mean is taken; default: 1",
    )
    parser.add_argument(
        "--frames",
        type=options.positive,
        default=1,
        metavar="K",
        help="tokens per step: more take less computation, and wait longer; default: %(default)s",
    )
    options.add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Codes standard input until it ends."""
    heard, given = args.from_ == "speech", args.to_ == "speech"
    if not heard and not given:
        raise ValueError("from tokens to tokens there is nothing to do; use --to speech")
    if not heard and (args.rate or args.channels):
        raise ValueError("tokens have no --rate and no --channels")
    if sys.stdout.isatty():
        raise ValueError("standard output is a terminal; send it to a program or a file")

    import numpy as np

    from audiotok_jax.tokenizer import AudioTokenizer

    tokenizer = AudioTokenizer.from_pretrained(args.model)
    rate, channels = args.rate or tokenizer.sample_rate, args.channels or 1
    stages: list[EncoderStream | DecoderStream] = []
    if heard:
        stages.append(tokenizer.encoder_stream(rate, args.frames))
    if given:
        stages.append(tokenizer.decoder_stream(args.frames))
    seconds = _delay(tokenizer, heard, given, rate, args.frames)
    tell(f"model {tokenizer.model_id} is ready and adds a delay of {1000 * seconds:.1f} ms")

    width = 2 * channels
    reader = cast(BufferedReader, sys.stdin.buffer)
    busy, units, rest = 0.0, 0, b""
    while data := reader.read1(BYTES):
        signals.check()
        started = time.perf_counter()
        data = rest + data
        whole = len(data) // width
        rest = data[whole * width :]
        part = np.frombuffer(data, "<i2" if heard else "<u2", whole * channels)
        if channels > 1:
            part = part.reshape(-1, channels)
        for stage in stages:
            part = stage.push(part)
        _write(part)
        units += whole
        busy += time.perf_counter() - started
    part = np.zeros(0, np.int16)
    for stage in stages:
        part = np.concatenate([stage.push(part), stage.flush()])
    _write(part)
    taken = units / (rate if heard else tokenizer.frame_rate)
    tell(f"{taken:.1f} s of speech took {busy:.1f} s of computation")
    if rest:
        raise ValueError(f"standard input: ended within a sample of {width} bytes")
    return 0


def _write(part: NDArray[Any]) -> None:
    """Speech or tokens to standard output, at once."""
    from audiotok_jax import audio

    data = audio.to_pcm(part) if part.dtype.kind == "f" else part
    sys.stdout.buffer.write(data.astype(data.dtype.newbyteorder("<")).tobytes())
    sys.stdout.buffer.flush()


def _delay(tokenizer: AudioTokenizer, heard: bool, given: bool, rate: int, frames: int) -> float:
    """Latency in seconds, from input to output."""
    from audiotok_jax.audio import resampling

    config = tokenizer.config
    samples = (frames - 1) * config.hop_length
    if heard:
        samples += config.hop_length + config.encoder_halo[1]
    if given:
        samples += config.decoder_halo[1] * config.hop_length
    resampled = resampling.delay(rate, tokenizer.sample_rate) if heard else 0.0
    return resampled + samples / tokenizer.sample_rate
