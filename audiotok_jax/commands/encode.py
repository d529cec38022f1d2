"""`audiotok encode`: audio files to token files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio, entropy, files, interchange, tokenfile
from audiotok_jax.jobs import PIPE, TOKEN_SUFFIXES, Job, Plan, progress, targets_at
from audiotok_jax.tokenfile import TokenFile
from audiotok_jax.tokenizer import AudioTokenizer


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    suffixes = (f".{args.format}",) if args.format else TOKEN_SUFFIXES
    if args.compact:
        if args.format not in (None, "atok"):
            raise ValueError(f"--compact is a form of .atok; there is none of .{args.format}")
        suffixes = (".atok",)
    targets = targets_at(args.inputs, args.out, suffixes)
    plan = Plan(args.inputs, audio.SUFFIXES, targets, args.force)
    if not plan.jobs:
        return plan.finish()
    coder = entropy.load(args.model) if args.compact else None
    tokenizer = AudioTokenizer.from_pretrained(args.model)
    rate = tokenizer.sample_rate
    reading = audio.Reading(args.channel, args.truncated)
    clips = ((_samples(job, rate, reading), rate) for job in plan.jobs)
    with progress("encode", len(plan.jobs)) as advance:
        for clip, pieces in groupby(tokenizer.encode_clips(clips), itemgetter(0)):
            job = plan.jobs[clip]
            tokens = []
            for _, piece in pieces:
                tokens.append(piece)
                advance(len(piece) / tokenizer.frame_rate, 0)
            if job.error is None:
                made = interchange.of_model(np.concatenate(tokens), job.num_samples, tokenizer)
                _write_tokens(job, made, coder, suffixes[0])
            advance(0, 1)
    return plan.finish()


def _samples(job: Job, rate: int, reading: audio.Reading) -> Iterator[NDArray[np.float32]]:
    """Reads a clip; where that fails the clip ends, as the others must go on."""
    try:
        job.make_folders()
        file_rate, blocks = audio.stream(job.source, **reading._asdict())
        for chunk in audio.resample_stream(blocks, file_rate, rate):
            job.num_samples += len(chunk)
            yield chunk
    except (ValueError, OSError) as error:
        job.fail(error)
        if not job.num_samples:
            yield np.zeros(1, np.float32)  # a clip must not be empty; its token is dropped


def _write_tokens(job: Job, made: TokenFile, coder: entropy.Coder | None, pipe_suffix: str) -> None:
    output = job.outputs[0]
    suffix = pipe_suffix if output == PIPE else output.suffix.lower()
    data = tokenfile.dumps(made, coder) if coder else interchange.DUMPS[suffix](made)
    if output == PIPE:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        with files.replacing(output) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        job.fail(error)
