"""`audiotok roundtrip`: audio files to tokens and back, with pictures and a table."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from audiotok_jax import audio, interchange, picture, tokenfile
from audiotok_jax.commands.table import show_table
from audiotok_jax.jobs import Job, Plan, progress
from audiotok_jax.tokenizer import AudioTokenizer


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""

    def targets(_: Path, inside: Path) -> tuple[Path, ...]:
        suffixes = (".wav", ".original.wav", ".atok", ".png")
        return tuple(Path(args.out, inside).with_suffix(suffix) for suffix in suffixes)

    plan = Plan(args.inputs, audio.SUFFIXES, targets, args.force)
    if not plan.jobs:
        return plan.finish()
    tokenizer = AudioTokenizer.from_pretrained(args.model)
    reading = audio.Reading(args.channel, args.truncated)
    # Compiles both directions, so that the table shows the speed of the work alone.
    tokenizer.decode(tokenizer.encode(np.zeros(1, np.float32), tokenizer.sample_rate))
    rows: list[tuple[str, ...]] = [
        ("clip", "seconds", "tokens", "kbps", "ratio", "encode x", "decode x")
    ]
    with progress("roundtrip", len(plan.jobs)) as advance:
        for job in plan.jobs:
            try:
                rows.append(_compare(job, tokenizer, reading))
            except (ValueError, OSError) as error:
                job.fail(error)
            advance(job.num_samples / tokenizer.sample_rate, 1)
    if rows[1:]:
        show_table(rows)
    return plan.finish()


def _compare(job: Job, tokenizer: AudioTokenizer, reading: audio.Reading) -> tuple[str, ...]:
    """Takes one clip through the codec, writes all four files and returns the row about it."""
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
