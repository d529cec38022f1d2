"""The command `audiotok`: its arguments and its exit codes; `commands` does the work."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from audiotok_jax import signals, streams
from audiotok_jax.jobs import AUDIO_SUFFIXES, TOKEN_SUFFIXES, complain, tell_warnings


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    Args:
        argv: the arguments; None takes those of the process.

    Returns:
        The exit code: 0 all well, 1 something failed (a line on standard error says what), 130
        interrupted, 141 the reader of standard output went away.  A wrong argument exits with 2,
        SIGTERM with 143 and SIGHUP with 129.
    """
    streams.prepare()
    tell_warnings()
    try:
        with signals.ending():
            args = _arguments(argv)
            # Imported here, so that --help stays fast.
            module = importlib.import_module(f"audiotok_jax.commands.{args.command}")
            code: int = module.run(args)
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        streams.drop()
        return 141
    except (ValueError, OSError, FloatingPointError) as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        stop = 130
    except signals.Ended as ended:
        stop = ended.number
    streams.drop()
    if argv is None:  # or Python would take JAX down while its threads are at work, and crash
        sys.stderr.flush()
        os._exit(stop)
    if stop != 130:
        raise signals.Ended(stop)
    return stop


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    try:
        return _parser().parse_args(argv)
    finally:
        sys.stdout.flush()  # of --help, which ends the process


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="audiotok", description="Speech to 16-bit tokens and back.", allow_abbrev=False
    )
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    encode = _verb(
        verbs,
        "encode",
        "turn speech into tokens",
        "audiotok encode talk.flac                      writes talk.atok",
        "audiotok encode corpus/ -o tokens/             keeps the folders of corpus/",
        "audiotok encode - -o - <talk.wav >talk.atok    reads and writes pipes",
    )
    _inputs(encode, "audio files, folders of them, or - for standard input")
    _out(encode, "a token file for one input, a folder for many, or - for standard output")
    encode.add_argument(
        "--format",
        choices=[suffix[1:] for suffix in TOKEN_SUFFIXES],
        help="of the tokens; default: what the name of OUT says, else atok",
    )
    encode.add_argument(
        "--compact", action="store_true", help="entropy-code the tokens of .atok, in fewer bits"
    )
    _reading(encode)
    _model(encode)
    _force(encode)

    decode = _verb(
        verbs,
        "decode",
        "turn tokens into speech",
        "audiotok decode talk.atok -o again.wav",
        "audiotok decode tokens/ -o speech/ --suffix .flac",
    )
    _inputs(decode, "token files (.atok, .npy, .json), folders of them, or - for standard input")
    _out(decode, "an audio file for one input, a folder for many, or - for standard output (WAV)")
    decode.add_argument(
        "--suffix",
        choices=AUDIO_SUFFIXES,
        help="format of the audio; default: what the name of OUT says, else .wav",
    )
    decode.add_argument(
        "--recover",
        action="store_true",
        help="decode what is left of damaged compact tokens, with silence for the rest",
    )
    _model(decode)
    _force(decode)

    roundtrip = _verb(
        verbs,
        "roundtrip",
        "encode, decode, and show both",
        "audiotok roundtrip talk.flac -o compare/",
        about="""\
For each input NAME, writes NAME.wav (from the tokens), NAME.original.wav (the input as the model
hears it), NAME.atok and NAME.png (spectrograms of both), and prints a row: kbps is that of the
tokens, ratio compares them with samples of 16 bits, the speeds are multiples of real time.""",
    )
    _inputs(roundtrip, "audio files, folders of them, or - for standard input")
    roundtrip.add_argument("-o", "--out", type=_path, required=True, help="a folder")
    _reading(roundtrip)
    _model(roundtrip)
    _force(roundtrip)

    info = _verb(
        verbs,
        "info",
        "describe .atok files, or this installation",
        "audiotok info talk.atok",
        "audiotok info",
    )
    info.add_argument("inputs", nargs="*", metavar="FILE", help=".atok files")
    _model(info)

    stats = _verb(
        verbs,
        "stats",
        "tell how well tokens use their code",
        "audiotok stats tokens/ --plot usage.svg",
        "audiotok stats printed.txt --json - | jq .usage",
        about="""\
Takes all tokens together and prints how many ids occur, their entropy, and what the bits of a
token and of neighbouring tokens have in common. Also reads text with whole tensors as PyTorch
prints them, tensor([[ 9071, 22264]]), so that streams of other systems can be compared.""",
    )
    _inputs(stats, "token files (.atok, .npy, .json, text), folders of them, or - for stdin")
    stats.add_argument(
        "--bits",
        type=int,
        choices=range(1, 33),
        default=16,
        metavar="N",
        help="per token; default: 16",
    )
    _model(stats)
    stats.add_argument(
        "--json", type=_path, metavar="FILE", help="write JSON; - prints it, and no table"
    )
    stats.add_argument("--plot", type=_path, metavar="FILE", help="write a picture, .png or .svg")
    _force(stats)

    _evaluate(verbs)
    _page(verbs)
    _data(verbs)
    _corpus(verbs)
    _train(verbs)
    return parser


def _train(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = _verb(
        verbs,
        "train",
        "train a model",
        "audiotok train --preset small-50hz --data corpus/ --out runs/a --minutes 30",
        "audiotok train --preset small-50hz --data corpus/ --out runs/a --minutes 30 --resume",
        "audiotok train experiments/a/config.py --data corpus/ --set recipe.ema=0.9999",
        "audiotok train experiments/a/config.py --print-config",
        about="""\
Trains a model, and goes on with it where it stopped. What no option is for, --set can say. A later
one of these counts more than an earlier one: the defaults, CONFIG, the options, --set.""",
        # What is not given stays out, so that the defaults live in TrainConfig alone.
        argument_default=argparse.SUPPRESS,
    )
    train.add_argument(
        "config",
        nargs="?",
        metavar="CONFIG",
        help="a Python file with a function config() that returns a TrainConfig; without one, "
        "--preset, --data and --out are needed",
    )
    train.add_argument("--preset", metavar="NAME", help="of the codec; see `audiotok info`")
    train.add_argument(
        "--data",
        type=_path,
        nargs="+",
        metavar="DATA",
        help="folders, tables, tars of audio, or tfds:NAME",
    )
    train.add_argument("--out", type=_path, metavar="RUN", help="folder of the run")
    train.add_argument("--minutes", type=float, metavar="M", help="stop after this time")
    train.add_argument("--steps", type=int, metavar="N", help="stop after this many steps")
    train.add_argument("--resume", action="store_true", help="go on from the last save in RUN")
    train.add_argument("--init", type=_path, metavar="WEIGHTS", help="start from this model")
    train.add_argument(
        "--stage", type=int, choices=(1, 2), help="1: everything; 2: the decoder, adversarially"
    )
    train.add_argument("--batch-size", type=int, metavar="N", help="clips per step")
    train.add_argument("--seconds", type=float, metavar="S", help="length of a clip")
    train.add_argument("--learning-rate", type=float, metavar="LR", help="its highest value")
    train.add_argument(
        "--precision", choices=("bfloat16", "float32"), help="of the large matrix products"
    )
    train.add_argument("--seed", type=int, metavar="N", help="of everything random")
    train.add_argument("--save-minutes", type=float, metavar="M", help="time between saves")
    train.add_argument(
        "--eval-data", type=_path, metavar="DATA", help="folder or table to evaluate on"
    )
    train.add_argument(
        "--profile", type=_range, metavar="A:B", help="trace steps A to B-1 into RUN/profile"
    )
    train.add_argument(
        "--set",
        nargs="+",
        action="extend",
        metavar="NAME=VALUE",
        help="any settings, as --print-config shows them",
    )
    train.add_argument(
        "--print-config", action="store_true", help="print all settings, and do nothing else"
    )
    train.add_argument(
        "--coordinator", metavar="HOST:PORT", help="of process 0, for a run of many processes"
    )
    train.add_argument("--processes", type=_count, metavar="N", help="their number")
    train.add_argument("--process", type=int, metavar="I", help="which one this is, from 0")


def _range(text: str) -> tuple[int, int]:
    first, colon, end = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError("must be A:B")
    return int(first), int(end)


def _evaluate(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = _verb(
        verbs,
        "evaluate",
        "measure codecs: bitrate, quality, speed",
        "audiotok evaluate --data speech/ --codecs audiotok,opus:6,codec2:1200 --out results/",
        about="""\
Takes clips of speech through codecs and compares what comes out with what went in. Writes to OUT
clips.csv (a row for each clip and codec), summary.json (means and intervals), table.md and plots/.
Rows are kept in OUT/journal.jsonl as they come: the same command again measures only what is
missing, or what a changed model, program or clip has made old.""",
    )
    evaluate.add_argument(
        "--data",
        type=_path,
        required=True,
        nargs="+",
        metavar="DATA",
        help="folders or tables of audio; a table has the columns path and, where known, corpus, "
        "language, speaker, and transcript, text or sentence",
    )
    evaluate.add_argument(
        "--codecs",
        required=True,
        metavar="A,B,...",
        help="such as audiotok, audiotok:MODEL, opus:KBPS, codec2:BPS, speex:KBPS, mp3:KBPS, "
        "encodec:KBPS, dac:N, mimi:N, pcm",
    )
    evaluate.add_argument("--out", type=_path, required=True, metavar="OUT", help="a folder")
    evaluate.add_argument(
        "--limit", type=_count, metavar="N", help="take N clips of each set, spread over it"
    )
    evaluate.add_argument(
        "--jobs",
        type=_count,
        default=os.cpu_count(),
        metavar="N",
        help="processes side by side; default: one for each core",
    )
    evaluate.add_argument(
        "--language",
        default="",
        metavar="CODE",
        help="of clips for which no table says it, such as en; word errors need to know it",
    )
    evaluate.add_argument(
        "--recogniser",
        type=_path,
        metavar="FOLDER_OR_NAME",
        help="Whisper model that counts word errors, in the format of CTranslate2, or its name at "
        "the hub; default: the tiny one of the packages, which knows English alone",
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


def _data(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    what = "folders, tables (.tsv .csv .parquet .jsonl), tars, tfds:NAME[/CONFIG][:SPLIT]"
    data = _verb(
        verbs,
        "data",
        "build a dataset to train on, or tell what is in one",
        "audiotok data build corpus/ --name speech",
        "audiotok data info tfds:speech more.tsv 'shards-{000..012}.tar'",
    )
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = _verb(
        actions,
        "build",
        "make a TFDS dataset of any audio",
        "audiotok data build corpus/ more.tsv --name speech",
        about="""\
Decodes the audio once, to 16 kHz mono of 16 bits, and writes it as a dataset of TensorFlow Datasets
in the format array_record, from which training reads many times faster. Needs no TensorFlow.""",
    )
    _inputs(build, what)
    build.add_argument("--name", required=True, help="of the dataset, as in tfds:NAME")
    build.add_argument(
        "--out",
        type=_path,
        metavar="DATA_DIR",
        help="folder of datasets; default: $TFDS_DATA_DIR or ~/tensorflow_datasets",
    )
    build.add_argument("--split", default="train", help="its name; default: train")
    _force(build)
    info = _verb(
        actions,
        "info",
        "tell clips, hours, lengths and rates, by corpus",
        "audiotok data info corpus/ tfds:speech:train[:90%%]",
    )
    _inputs(info, what)


def _corpus(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    corpus = _verb(
        verbs,
        "corpus",
        "make a corpus of tokens, check it and read it",
        "audiotok corpus run speech/ --out tokens/",
        "audiotok corpus verify tokens/ --sample 100",
    )
    actions = corpus.add_subparsers(dest="action", required=True, metavar="ACTION")
    _corpus_run(actions)
    verify = _verb(
        actions,
        "verify",
        "check that a corpus is whole and as its model makes it",
        "audiotok corpus verify tokens/ --sample 100",
        about="""\
Checks the files of all shards against their checksums, and the tokens of some clips against what
the model gives for their audio, bit for bit.""",
    )
    verify.add_argument("corpus", metavar="OUT", help="a corpus that `corpus run` made")
    verify.add_argument(
        "--sample",
        type=_whole,
        default=20,
        metavar="N",
        help="encode N clips again, drawn at random; default: %(default)s",
    )
    _model(verify)
    _corpus_readers(actions)


def _corpus_readers(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    info = _verb(
        actions, "info", "tell what is in a corpus, finished or not", "audiotok corpus info tokens/"
    )
    export = _verb(
        actions,
        "export",
        "write a corpus in another format",
        "audiotok corpus export tokens/ --format flat --out flat/",
        "audiotok corpus export tokens/ --format atok --compact --out files/",
        about="""\
Writes the same clips as a corpus of another format, or as OUT/ID.atok each; an id that is no good
as a path gets another one, which OUT/names.jsonl tells. Stopped and started again, a corpus is gone
on with where it was.""",
    )
    decode = _verb(
        actions,
        "decode",
        "turn clips of a corpus into speech",
        "audiotok corpus decode tokens/ en/a.flac en/b.flac --out speech/",
    )
    for parser in (info, export, decode):
        parser.add_argument("corpus", metavar="CORPUS", help="a corpus that `corpus run` made")
    decode.add_argument("ids", nargs="+", metavar="ID", help="ids of clips")
    export.add_argument("-o", "--out", type=_path, required=True, metavar="OUT", help="a folder")
    decode.add_argument(
        "-o",
        "--out",
        type=_path,
        required=True,
        metavar="DIR",
        help="a folder, in which the id is the name",
    )
    export.add_argument(
        "--format",
        required=True,
        choices=("parquet", "array_record", "flat", "atok"),
        help="of the shards; atok is a file for each clip",
    )
    export.add_argument(
        "--compact", action="store_true", help="store tokens entropy-coded, in fewer bits"
    )
    decode.add_argument(
        "--suffix", choices=AUDIO_SUFFIXES, default=".wav", help="default: %(default)s"
    )
    _model(export)
    _model(decode)
    _force(decode)
    for name, parser in actions.choices.items():
        parser.set_defaults(command=f"corpus.{name}")  # the module in `commands`


def _corpus_run(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = _verb(
        actions,
        "run",
        "turn audio into a corpus of tokens",
        "audiotok corpus run speech/ --out tokens/",
        "audiotok corpus run speech.tsv 'more-{000..012}.tar' --out tokens/ --format flat",
        "audiotok corpus run urls.txt --out tokens/ --shard 3/16",
        about="""\
Plans which clips come into which shard, and then makes shard by shard. The same command again goes
on where it was stopped, however that was. What cannot be read is listed in OUT/errors.jsonl.""",
    )
    _inputs(
        run,
        "folders, tables (.tsv .csv .parquet .jsonl), tars, tfds:NAME[/CONFIG][:SPLIT], or lists "
        "of paths and URLs (.txt), a line each",
    )
    run.add_argument(
        "-o", "--out", type=_path, required=True, metavar="OUT", help="folder of the corpus"
    )
    run.add_argument(
        "--format",
        choices=("parquet", "array_record", "flat"),
        default="parquet",
        help="of the shards; flat is uint16 to be mapped into memory; default: %(default)s",
    )
    run.add_argument(
        "--compact", action="store_true", help="store tokens entropy-coded, in fewer bits"
    )
    run.add_argument(
        "--shard-clips",
        type=_count,
        default=1000,
        metavar="N",
        help="clips in a shard, and so what an interruption costs; default: %(default)s",
    )
    run.add_argument(
        "--workers",
        type=_whole,
        default=os.cpu_count(),
        metavar="N",
        help="processes that decode audio; 0 decodes beside the model; default: one for each core",
    )
    run.add_argument(
        "--shard",
        type=_part,
        default=(0, 1),
        metavar="I/N",
        help="make part I of N, from 0, of the shards: for jobs that run side by side",
    )
    run.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray spreads the work over a Ray cluster; default: %(default)s",
    )
    run.add_argument(
        "--max-errors",
        type=_whole,
        metavar="N",
        help="stop at more than N clips that cannot be read",
    )
    _reading(run)
    _model(run)


def _part(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not slash or not 0 <= int(number) < int(count):
        raise argparse.ArgumentTypeError("must be I/N, I from 0 to N - 1")
    return int(number), int(count)


def _page(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    page = _verb(
        verbs,
        "page",
        "make a page to listen to clips and to what their tokens give",
        "audiotok page clips/ --out page/",
        "audiotok page talk.flac --out page/ --model speech-40hz-v1 --model runs/a/model",
        about="""\
Writes a folder with index.html, to be opened in a browser from where it is or put on any web
server: for each clip the original, its tokens, the speech made from them, spectrograms and
bitrates, with a column for each model.""",
    )
    _inputs(page, "audio files, folders of them, or - for standard input")
    page.add_argument(
        "-o", "--out", type=_path, required=True, metavar="DIR", help="folder of the page"
    )
    page.add_argument(
        "--model",
        type=_path,
        action="append",
        metavar="PATH_OR_NAME",
        help="a column; repeat it for more; default: the model that comes with the package",
    )
    page.add_argument("--title", default="Speech as tokens", help="default: %(default)s")
    page.add_argument(
        "--intro",
        metavar="TEXT",
        default="""\
Each clip was turned into a stream of integers, its tokens, and speech was made again from the \
tokens alone. Listen to both.""",
        help="shown below the title; an empty line starts a new paragraph",
    )
    page.add_argument(
        "--metrics",
        default="pesq_wb,stoi",
        metavar="NAMES",
        help="shown with each clip of up to a minute, as `audiotok evaluate` names them; "
        'default: %(default)s; "" for none',
    )
    _reading(page)
    _force(page)


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    *examples: str,
    about: str | None = None,
    argument_default: str | None = None,
) -> argparse.ArgumentParser:
    return verbs.add_parser(
        name,
        help=summary,
        description=about or f"{summary[0].upper()}{summary[1:]}.",
        epilog="\n  ".join(["examples:" if len(examples) > 1 else "example:", *examples]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argument_default,
        allow_abbrev=False,
    )


def _path(text: str) -> str:
    """What an option says: a shell leaves the `~` of `--out=~/x` as it is."""
    return os.path.expanduser(text)


def _inputs(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help=what)


def _reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--channel",
        type=_channel,
        default="mix",
        metavar="left|right|N|mix",
        help="take one channel, by number from 1, or the mean of all; default: %(default)s",
    )
    parser.add_argument(
        "--truncated",
        choices=("refuse", "keep"),
        default="refuse",
        help="what to do with audio that is cut or damaged; keep takes what is there, and says "
        "what; default: %(default)s",
    )


def _channel(text: str) -> str:
    if text not in ("left", "right", "mix") and not (text.isdecimal() and 1 <= int(text) <= 32):
        raise argparse.ArgumentTypeError("must be left, right, mix or a number from 1 to 32")
    return text


def _out(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "-o",
        "--out",
        type=_path,
        help=f"{what}; default: beside the input, or standard output for standard input",
    )


def _model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=_path,
        metavar="PATH_OR_NAME",
        help="default: the model that comes with the package",
    )


def _force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace outputs that exist")
