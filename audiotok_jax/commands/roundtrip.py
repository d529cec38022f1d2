"""Encode, decode, and compare.

For each input NAME, writes NAME.wav (decoded), NAME.original.wav (the input of the model),
NAME.atok and NAME.png (spectrograms of both), and prints a row: kbps is the bitrate of the tokens,
ratio the compression relative to 16-bit samples; speeds are multiples of real time.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from audiotok_jax import formats
from audiotok_jax.commands import _options as options
from audiotok_jax.jobs import Job, JobList
from audiotok_jax.terminal import progress, show_table

if TYPE_CHECKING:
    from audiotok_jax.audio import Reading
    from audiotok_jax.tokenizer import AudioTokenizer

EXAMPLES = ("audiotok roundtrip talk.flac -o compare/",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_inputs(parser, "audio files, folders of them, or - for standard input")
    options.add_folder(parser, "a folder", "OUT")
    options.add_reading(parser)
    options.add_model(parser)
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Writes four files for each audio file and prints a table; returns 1 if one fails."""

    def targets(_: Path, inside: Path) -> tuple[Path, ...]:
        suffixes = (".wav", ".original.wav", ".atok", ".png")
        return tuple(Path(args.out, inside).with_suffix(suffix) for suffix in suffixes)

    listed = JobList(args.inputs, formats.AUDIO_READ, targets, args.force)
    if not listed.jobs:
        return listed.finish()

    import numpy as np

    from audiotok_jax import extras
    from audiotok_jax.audio import Reading
    from audiotok_jax.tokenizer import AudioTokenizer

    extras.need("page", "matplotlib")
    tokenizer = AudioTokenizer.from_pretrained(args.model)
    reading = Reading(args.channel, args.truncated)
    # Compiles encoder and decoder, so that the table shows their speed alone.
    tokenizer.decode(tokenizer.encode(np.zeros(1, np.float32), tokenizer.sample_rate))
    rows: list[tuple[str, ...]] = [
        ("clip", "seconds", "tokens", "kbps", "ratio", "encode x", "decode x")
    ]
    with progress("roundtrip", len(listed.jobs)) as advance:
        for job in listed.jobs:
            try:
                rows.append(_compare(job, tokenizer, reading))
            except (ValueError, OSError) as error:
                job.fail(error)
            advance(job.num_samples / tokenizer.sample_rate, 1)
    if rows[1:]:
        show_table(rows)
    return listed.finish()


def _compare(job: Job, tokenizer: AudioTokenizer, reading: Reading) -> tuple[str, ...]:
    """Encodes and decodes one clip, writes all four files and returns its row."""
    from audiotok_jax import audio, interchange, picture, tokenfile

    rate = tokenizer.sample_rate
    job.make_folders()
    wave, _ = audio.read(job.source, rate, **reading._asdict())
    job.num_samples = len(wave)
    start = time.perf_counter()
    tokens = tokenizer.encode(wave, rate)
    middle = time.perf_counter()
    again = tokenizer.decode(tokens, len(wave))
    end = time.perf_counter()
    decoded, original, token_path, picture_path = job.outputs
    audio.write(decoded, again, rate)
    audio.write(original, wave, rate)
    tokenfile.write(token_path, interchange.of_model(tokens, len(wave), tokenizer))
    picture.compare(picture_path, wave, again, rate)
    seconds = len(wave) / rate
    bits = len(tokens) * tokenizer.bits
    return (
        str(decoded.with_suffix("")),
        f"{seconds:.2f}",
        str(len(tokens)),
        f"{bits / seconds / 1000:.3f}",
        f"{16 * len(wave) / bits:.1f}",
        f"{seconds / (middle - start):.1f}",
        f"{seconds / (end - middle):.1f}",
    )
