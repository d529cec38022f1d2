"""Decode tokens to speech."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from audiotok_jax import formats
from audiotok_jax.commands import _options as options
from audiotok_jax.jobs import PIPE, Job, JobList, refuse_corpora, targets_at
from audiotok_jax.terminal import progress, tell

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiotok_jax.tokenfile import TokenFile

EXAMPLES = (
    "audiotok decode talk.atok -o again.wav",
    "audiotok decode tokens/ -o speech/ --suffix .flac",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_inputs(
        parser, "token files (.atok, .npy, .json), folders of them, or - for standard input"
    )
    options.add_out(
        parser, "an audio file for one input, a folder for many, or - for standard output (WAV)"
    )
    parser.add_argument(
        "--suffix",
        choices=tuple(formats.AUDIO_WRITTEN),
        help="format of the audio; default: the suffix of OUT, else .wav",
    )
    parser.add_argument(
        "--recover",
        action="store_true",
        help="decode the undamaged part of damaged compact tokens, with silence for the rest",
    )
    options.add_model(parser)
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Writes an audio file for each token file; returns 1 if one fails."""
    refuse_corpora(args.inputs)
    suffixes = (args.suffix,) if args.suffix else tuple(formats.AUDIO_WRITTEN)
    targets = targets_at(args.inputs, args.out, suffixes)
    listed = JobList(args.inputs, formats.TOKENS, targets, args.force)
    if suffixes[0] != ".wav" and any(PIPE in job.outputs for job in listed.jobs):
        raise ValueError(f"standard output is WAV; to get {suffixes[0]}, name a file with -o")
    if not listed.jobs:
        return listed.finish()

    from audiotok_jax import audio, entropy, interchange
    from audiotok_jax.tokenizer import AudioTokenizer

    tokenizer = AudioTokenizer.from_pretrained(args.model)
    find = functools.partial(entropy.find, path_or_name=args.model)

    def read(job: Job) -> tuple[TokenFile, list[range]]:
        if args.recover:
            return interchange.recover(job.source, tokenizer, find)
        return interchange.read(job.source, tokenizer, find), []

    readable: list[tuple[Job, list[range]]] = []
    clips = _tokens(listed.jobs, read, readable)
    with progress("decode", len(listed.jobs)) as advance:
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
    return listed.finish()


def _tokens(
    jobs: Iterable[Job],
    read: Callable[[Job], tuple[TokenFile, list[range]]],
    readable: list[tuple[Job, list[range]]],
) -> Iterator[tuple[NDArray[np.uint16]]]:
    """Yields the tokens of readable jobs, and appends these jobs and their lost tokens."""
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
