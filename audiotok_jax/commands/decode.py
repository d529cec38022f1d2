"""`audiotok decode`: token files to audio files."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio, entropy, interchange
from audiotok_jax.corpus.plan import refuse
from audiotok_jax.jobs import (
    AUDIO_SUFFIXES,
    PIPE,
    TOKEN_SUFFIXES,
    Job,
    Plan,
    progress,
    targets_at,
    tell,
)
from audiotok_jax.tokenfile import TokenFile
from audiotok_jax.tokenizer import AudioTokenizer


def run(args: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    refuse(args.inputs)
    suffixes = (args.suffix,) if args.suffix else AUDIO_SUFFIXES
    targets = targets_at(args.inputs, args.out, suffixes)
    plan = Plan(args.inputs, TOKEN_SUFFIXES, targets, args.force)
    if suffixes[0] != ".wav" and any(PIPE in job.outputs for job in plan.jobs):
        raise ValueError(f"standard output is WAV; to get {suffixes[0]}, name a file with -o")
    if not plan.jobs:
        return plan.finish()
    tokenizer = AudioTokenizer.from_pretrained(args.model)
    find = functools.partial(entropy.find, path_or_name=args.model)

    def read(job: Job) -> tuple[TokenFile, list[range]]:
        if args.recover:
            return interchange.recover(job.source, tokenizer, find)
        return interchange.read(job.source, tokenizer, find), []

    readable: list[tuple[Job, list[range]]] = []
    clips = _tokens(plan.jobs, read, readable)
    with progress("decode", len(plan.jobs)) as advance:
        for clip, pieces in groupby(tokenizer.decode_clips(clips), itemgetter(0)):
            job, lost = readable[clip]
            done = 0
            try:
                with audio.Writer(job.outputs[0], tokenizer.sample_rate) as writer:
                    for _, piece in pieces:
                        for span in lost:
                            ends = (span.start, span.stop)
                            start, stop = (
                                max(end * tokenizer.hop_length - done, 0) for end in ends
                            )
                            piece[start:stop] = 0
                        writer.write(piece[: job.num_samples - done])
                        done += len(piece)
                        advance(len(piece) / tokenizer.sample_rate, 0)
            except BrokenPipeError:
                raise
            except (audio.AudioError, OSError) as error:  # the writer's: decoding raises neither
                job.fail(error)
            advance(0, 1)
    return plan.finish()


def _tokens(
    jobs: Iterable[Job],
    read: Callable[[Job], tuple[TokenFile, list[range]]],
    readable: list[tuple[Job, list[range]]],
) -> Iterator[tuple[NDArray[np.uint16]]]:
    """Yields the tokens of the jobs that can be read, and appends these and their lost tokens."""
    for job in jobs:
        try:
            job.make_folders()
            found, lost = read(job)
        except (ValueError, OSError) as error:
            job.fail(error)
            continue
        for span in lost:
            start, stop = (place / found.frame_rate for place in (span.start, span.stop))
            tell(f"{job.source}: damaged, so silent from {start:.2f} to {stop:.2f} s")
        job.num_samples = found.num_samples
        readable.append((job, lost))
        yield (found.tokens,)
