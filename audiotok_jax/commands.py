"""What the subcommands of `audiotok` do: each takes its arguments and returns the exit code.

Inputs are independent of each other: one that fails is named in a line on standard error, and
the others go on.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

from audiotok_jax import audio, config, files, interchange, pretrained, tokenfile
from audiotok_jax.jobs import (
    AUDIO_SUFFIXES,
    PIPE,
    TOKEN_SUFFIXES,
    Job,
    Plan,
    complain,
    progress,
    targets_at,
)
from audiotok_jax.tokenizer import AudioTokenizer


def encode(args: argparse.Namespace) -> int:
    """Audio files to token files."""
    suffixes = (f".{args.format}",) if args.format else TOKEN_SUFFIXES
    targets = targets_at(args.inputs, args.out, suffixes)
    plan = Plan(args.inputs, audio.SUFFIXES, targets, args.force)
    if not plan.jobs:
        return plan.finish()
    tokenizer = AudioTokenizer.from_pretrained(args.model)
    rate = tokenizer.sample_rate
    clips = ((_samples(job, rate), rate) for job in plan.jobs)
    with progress("encode", len(plan.jobs)) as advance:
        for clip, pieces in groupby(tokenizer.encode_clips(clips), itemgetter(0)):
            job = plan.jobs[clip]
            tokens = []
            for _, piece in pieces:
                tokens.append(piece)
                advance(len(piece) / tokenizer.frame_rate, 0)
            if job.error is None:
                _write_tokens(job, np.concatenate(tokens), tokenizer, suffixes[0])
            advance(0, 1)
    return plan.finish()


def decode(args: argparse.Namespace) -> int:
    """Token files to audio files."""
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


def roundtrip(args: argparse.Namespace) -> int:
    """Audio files to tokens and back, with pictures and a table."""

    def targets(_: Path, inside: Path) -> tuple[Path, ...]:
        suffixes = (".wav", ".original.wav", ".atok", ".png")
        return tuple(Path(args.out, inside).with_suffix(suffix) for suffix in suffixes)

    plan = Plan(args.inputs, audio.SUFFIXES, targets, args.force)
    if not plan.jobs:
        return plan.finish()
    tokenizer = AudioTokenizer.from_pretrained(args.model)
    # Compiles both directions, so that the table shows the speed of the work alone.
    tokenizer.decode(tokenizer.encode(np.zeros(1, np.float32), tokenizer.sample_rate))
    rows: list[tuple[str, ...]] = [
        ("clip", "seconds", "tokens", "kbps", "ratio", "encode x", "decode x")
    ]
    with progress("roundtrip", len(plan.jobs)) as advance:
        for job in plan.jobs:
            try:
                rows.append(_compare(job, tokenizer))
            except (ValueError, OSError) as error:
                job.fail(error)
            advance(job.num_samples / tokenizer.sample_rate, 1)
    if rows[1:]:
        _show_table(rows)
    return plan.finish()


def info(args: argparse.Namespace) -> int:
    """The headers of token files, or what this installation has."""
    if not args.inputs:
        _show_installation()
    failed = False
    for path in args.inputs:
        try:
            found = tokenfile.read(path)
        except (ValueError, OSError) as error:
            complain(error)
            failed = True
            continue
        rate = f"{found.frame_rate:g} tokens/s of {found.bits} bits"
        print(path)
        print(f"  model        {found.model_id}")
        print(f"  speech       {found.duration:.3f} s, {found.num_samples} samples")
        print(f"  sample rate  {found.sample_rate} Hz")
        print(f"  tokens       {len(found.tokens)}, one for {found.hop_length} samples")
        print(f"  rate         {rate}, {found.bitrate / 1000:g} kbps")
    return int(failed)


def stats(args: argparse.Namespace) -> int:
    """How well tokens use their code: tables, JSON, a picture."""
    from audiotok_jax.evaluate.stats import statistics, tables

    sources = files.find(args.inputs, TOKEN_SUFFIXES)
    _check_reports(args, sources)
    streams: list[NDArray[np.int64]] = []
    failed = False
    for path in sources:
        try:
            streams += interchange.read_streams(path, args.bits)
        except (ValueError, OSError) as error:
            complain(error)
            failed = True
    if not streams:
        return 1
    found = statistics(streams, args.bits)
    text = json.dumps(found, indent=2, allow_nan=False)
    if args.json == "-":
        print(text)
    else:
        overall, by_bit = tables(found)
        _show_table(overall)
        print()
        _show_table(by_bit)
        if args.json:
            with files.replacing(args.json) as temporary:
                temporary.write_text(text + "\n")
    if args.plot:
        from audiotok_jax.evaluate import stats_picture

        stats_picture.draw(Path(args.plot), streams, found)
    return int(failed)


def train(args: argparse.Namespace) -> int:
    """Trains a model."""
    from audiotok_jax.train import loop
    from audiotok_jax.train.config import TrainConfig

    given = {name: value for name, value in vars(args).items() if name != "command"}
    loop.train(TrainConfig(**given | {"data": tuple(args.data)}))
    return 0


def _samples(job: Job, rate: int) -> Iterator[NDArray[np.float32]]:
    """Reads a clip; where that fails the clip ends, as the others must go on."""
    try:
        job.make_folders()
        file_rate, blocks = audio.stream(job.source)
        for chunk in audio.resample_stream(blocks, file_rate, rate):
            job.num_samples += len(chunk)
            yield chunk
    except (ValueError, OSError) as error:
        job.fail(error)
        if not job.num_samples:
            yield np.zeros(1, np.float32)  # a clip must not be empty; its token is dropped


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


def _write_tokens(
    job: Job, tokens: NDArray[np.uint16], tokenizer: AudioTokenizer, pipe_suffix: str
) -> None:
    output = job.outputs[0]
    suffix = pipe_suffix if output == PIPE else output.suffix.lower()
    data = interchange.DUMPS[suffix](interchange.of_model(tokens, job.num_samples, tokenizer))
    if output == PIPE:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        with files.replacing(output) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        job.fail(error)


def _compare(job: Job, tokenizer: AudioTokenizer) -> tuple[str, ...]:
    """Takes one clip through the codec, writes all four files and returns the row about it."""
    from audiotok_jax import picture

    rate = tokenizer.sample_rate
    job.make_folders()
    wave, _ = audio.read(job.source, rate)
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


def _check_reports(args: argparse.Namespace, sources: list[Path]) -> None:
    """Raises if a file that `stats` is to write is an input, there already, or no picture."""
    taken = {os.path.realpath(source) for source in sources}
    if args.plot and not args.plot.lower().endswith((".png", ".svg")):
        raise ValueError(f"{args.plot}: the name must end in .png or .svg")
    for output in (args.json, args.plot):
        if not output or output == "-":
            continue
        if os.path.realpath(output) in taken:
            raise ValueError(f"{output} is an input, too; choose another name")
        if os.path.lexists(output) and not args.force:
            raise ValueError(f"{output} exists; --force replaces it")


def _show_table(rows: list[tuple[str, ...]]) -> None:
    """Prints a table, the first row being its head."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*rows[0])
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows[1:]:
            table.add_row(*row)
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        print(name.ljust(widths[0]), *numbers, sep="  ")


def _show_installation() -> None:
    print(f"audiotok_jax  {_version()}")
    print(f"jax           {jax.__version__}")
    print(f"devices       {', '.join(map(str, jax.devices()))}")
    for name in pretrained.names():
        default = ", the default" if name == pretrained.DEFAULT else ""
        print(f"model         {name}, id {pretrained.load(name).model_id}{default}")
    for name in config.PRESETS:
        codec = config.preset(name)
        rate = f"{codec.frame_rate:g} tokens/s of {codec.bits} bits, {codec.bitrate / 1000:g} kbps"
        print(f"preset        {name}: {rate}")


def _version() -> str:
    try:
        return importlib.metadata.version("audiotok_jax")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
