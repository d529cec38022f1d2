"""`audiotok decode`: token files to audio files."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio, interchange
from audiotok_jax.jobs import AUDIO_SUFFIXES, PIPE, TOKEN_SUFFIXES, Job, Plan, progress, targets_at
from audiotok_jax.tokenizer import AudioTokenizer


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    suffixes = (args.suffix,) if args.suffix else AUDIO_SUFFIXES
    targets = targets_at(args.inputs, args.out, suffixes)
    plan = Plan(args.inputs, TOKEN_SUFFIXES, targets, args.force)
    if suffixes[0] != ".wav" and any(PIPE in job.outputs for job in plan.jobs):
        raise ValueError(f"standard output is WAV; to get {suffixes[0]}, name a file with -o")
    if not plan.jobs:
        return plan.finish()
    tokenizer = AudioTokenizer.from_pretrained(args.model)
    readable: list[Job] = []
    clips = _tokens(plan.jobs, tokenizer, readable)
    with progress("decode", len(plan.jobs)) as advance:
        for clip, pieces in groupby(tokenizer.decode_clips(clips), itemgetter(0)):
            job = readable[clip]
            rest = job.num_samples
            try:
                with audio.Writer(job.outputs[0], tokenizer.sample_rate) as writer:
                    for _, piece in pieces:
                        writer.write(piece[:rest])
                        rest -= len(piece[:rest])
                        advance(len(piece) / tokenizer.sample_rate, 0)
            except BrokenPipeError:
                raise
            except (audio.AudioError, OSError) as error:  # the writer's: decoding raises neither
                job.fail(error)
            advance(0, 1)
    return plan.finish()


def _tokens(
    jobs: Iterable[Job], tokenizer: AudioTokenizer, readable: list[Job]
) -> Iterator[tuple[NDArray[np.uint16]]]:
    """Yields the tokens of the jobs that can be read, and appends those jobs to `readable`."""
    for job in jobs:
        try:
            job.make_folders()
            found = interchange.read(job.source, tokenizer)
        except (ValueError, OSError) as error:
            job.fail(error)
            continue
        job.num_samples = found.num_samples
        readable.append(job)
        yield (found.tokens,)
