"""Encode speech as tokens."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from audiotok_jax import files, formats
from audiotok_jax.commands import _options as options
from audiotok_jax.jobs import PIPE, Job, JobList, targets_at
from audiotok_jax.terminal import progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiotok_jax import audio, entropy
    from audiotok_jax.tokenfile import TokenFile

EXAMPLES = (
    "audiotok encode talk.flac                      writes talk.atok",
    "audiotok encode corpus/ -o tokens/             keeps the folders of corpus/",
    "audiotok encode - -o - <talk.wav >talk.atok    reads and writes pipes",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_inputs(parser, "audio files, folders of them, or - for standard input")
    options.add_out(
        parser, "a token file for one input, a folder for many, or - for standard output"
    )
    parser.add_argument(
        "--format",
        choices=[suffix[1:] for suffix in formats.TOKENS],
        help="of the tokens; default: the suffix of OUT, else atok",
    )
    parser.add_argument(
        "--compact", action="store_true", help="entropy-code the tokens of .atok, in fewer bits"
    )
    options.add_reading(parser)
    options.add_model(parser)
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Writes a token file for each audio file; returns 1 if one fails."""
    suffixes = (f".{args.format}",) if args.format else formats.TOKENS
    if args.compact:
        if args.format not in (None, "atok"):
            raise ValueError(f"--compact is a form of .atok; there is none of .{args.format}")
        suffixes = (".atok",)
    targets = targets_at(args.inputs, args.out, suffixes)
    listed = JobList(args.inputs, formats.AUDIO_READ, targets, args.force)
    if not listed.jobs:
        return listed.finish()

    import numpy as np

    from audiotok_jax import audio, entropy, interchange
    from audiotok_jax.tokenizer import AudioTokenizer

    coder = entropy.load(args.model) if args.compact else None
    tokenizer = AudioTokenizer.from_pretrained(args.model)
    rate = tokenizer.sample_rate
    reading = audio.Reading(args.channel, args.truncated)
    clips = ((_samples(job, rate, reading), rate) for job in listed.jobs)
    with progress("encode", len(listed.jobs)) as advance:
        for clip, pieces in groupby(tokenizer.encode_clips(clips), itemgetter(0)):
            job = listed.jobs[clip]
            tokens = []
            for _, piece in pieces:
                tokens.append(piece)
                advance(len(piece) / tokenizer.frame_rate, 0)
            if job.error is None:
                made = interchange.of_model(np.concatenate(tokens), job.num_samples, tokenizer)
                _write_tokens(job, made, coder, suffixes[0])
            advance(0, 1)
    return listed.finish()


def _samples(job: Job, rate: int, reading: audio.Reading) -> Iterator[NDArray[np.float32]]:
    """Samples of a clip, resampled; an error ends this clip only."""
    import numpy as np

    from audiotok_jax import audio

    try:
        job.make_folders()
        file_rate, blocks = audio.stream(job.source, **reading._asdict())
        for chunk in audio.resample_stream(blocks, file_rate, rate):
            job.num_samples += len(chunk)
            yield chunk
    except (ValueError, OSError) as error:
        job.fail(error)
        if not job.num_samples:
            yield np.zeros(1, np.float32)  # a clip must not be empty; this token is dropped


def _write_tokens(job: Job, made: TokenFile, coder: entropy.Coder | None, pipe_suffix: str) -> None:
    from audiotok_jax import interchange, tokenfile

    output = job.outputs[0]
    suffix = pipe_suffix if output == PIPE else output.suffix.lower()
    data = tokenfile.dumps(made, coder) if coder else interchange.DUMPS[suffix](made)
    if output == PIPE:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        files.write(output, data)
    except OSError as error:
        job.fail(error)
