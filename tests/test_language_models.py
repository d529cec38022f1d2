"""Exports of a corpus for language models: read as those who train them read them."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import runpy
import shlex
import tarfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow.parquet
import pytest

from audiotok_jax import AudioTokenizer, corpus
from audiotok_jax.cli import main
from audiotok_jax.corpus import shards
from audiotok_jax.corpus.engines import Done
from audiotok_jax.corpus.formats import Layout
from audiotok_jax.corpus.inputs import Original
from audiotok_jax.corpus.plan import Plan, Settings
from audiotok_jax.formats import ROWS
from audiotok_jax.tokens import from_text, signs, to_text

os.environ.setdefault("HF_HUB_OFFLINE", "1")

# The library webdataset leaves the closing of tars to the garbage collector.
pytestmark = pytest.mark.filterwarnings(r"ignore:unclosed file .*\.tar'>:ResourceWarning")

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples" / "language_models"

HOP = 200
BROKEN = 4  # number of the clip that cannot be read
COUNTS = [1, 300, 55, 7, 0, 100, 410, 2, 80, 130, 29]
BEGIN, END, OFFSET = 300, 301, 302
SPECIAL = ["--offset", str(OFFSET), "--begin", str(BEGIN), "--end", str(END)]


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path_factory) -> None:
    """What `datasets` keeps goes to a folder of its own; without `datasets`, nothing is kept."""
    if importlib.util.find_spec("datasets"):
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def tokens() -> list[np.ndarray]:
    """Of 11 clips, the fifth of which has none."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 2**16, count).astype(np.uint16) for count in COUNTS]


@pytest.fixture(scope="module")
def source(tokens, tmp_path_factory) -> Path:
    """A corpus of three shards."""
    return make(tmp_path_factory.mktemp("corpus"), tokens)


@pytest.fixture(scope="module")
def learnable(tmp_path_factory) -> Path:
    """A corpus that says the same three tokens again and again."""
    clips = [np.resize(np.array([7, 40000, 2**16 - 1], np.uint16), 90)] * 8
    return make(tmp_path_factory.mktemp("learnable"), clips)


def make(out: Path, tokens: list[np.ndarray]) -> Path:
    (out / shards.FOLDER).mkdir()
    settings = Settings(
        inputs=("speech",),
        clips="0" * 16,
        version="1",
        model="/models/some",
        model_id="0123456789abcdef",
        sample_rate=16000,
        hop_length=HOP,
        bits=16,
        format="parquet",
        compact=False,
        prior="",
        shard_clips=4,
    )
    clips = [
        Original(
            f"ä/{n}.wav",
            f"/x/{n}.wav",
            {"speaker": f"s{n % 3}", "language": "en", "licence": "CC BY 4.0", "seconds": "1"},
        )
        for n in range(len(tokens))
    ]
    plan = Plan.write(out, settings, clips)
    done = iter(
        Done(n, one, max(0, HOP * len(one) - 50), "empty" if n == BROKEN else "")
        for n, one in enumerate(tokens)
    )
    for shard in plan.shards:
        list(shards.write(plan, shard, Layout(settings.about, plan.columns), done))
    return out


def export(source: Path, form: str, out: Path, *options: str) -> int:
    return main(["corpus", "export", str(source), "--format", form, "--out", str(out), *options])


def check(rows: list[dict], tokens: list[np.ndarray], begin: list[int], end: list[int]) -> None:
    """Fails unless rows are those of all clips that have tokens; those as integers, with OFFSET."""
    numbers = [n for n in range(len(tokens)) if n != BROKEN]
    assert len(rows) == len(numbers)
    offset = OFFSET if begin else 0
    for n, row in zip(numbers, rows, strict=True):
        samples = HOP * len(tokens[n]) - 50
        assert (row["id"], row["speaker"], row["language"]) == (f"ä/{n}.wav", f"s{n % 3}", "en")
        assert (row["num_samples"], row["seconds"]) == (samples, samples / 16000)
        assert row["input_seconds"] == "1"
        expected = [*begin, *(tokens[n].astype(int) + offset), *end]
        np.testing.assert_array_equal(row["tokens"], expected)


SPELLINGS = pytest.mark.parametrize(
    ("options", "begin", "end", "kind"),
    [([], [], [], "uint16"), (SPECIAL, [BEGIN], [END], "int32")],
    ids=["plain", "special"],
)


@SPELLINGS
def test_parquet(source, tokens, tmp_path, options, begin, end, kind):
    assert export(source, "hf", tmp_path, *options) == 0
    table = pyarrow.parquet.read_table(tmp_path / "data")
    assert str(table.schema.field("tokens").type).startswith(f"list<element: {kind}")
    check(table.to_pylist(), tokens, begin, end)
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "export.json", "data"}


@SPELLINGS
def test_datasets_opens_the_folder(source, tokens, tmp_path, options, begin, end, kind):
    datasets = pytest.importorskip("datasets", reason="the extra `dev` is not installed")
    torch = pytest.importorskip("torch", reason="the extra `dev` is not installed")
    assert export(source, "hf", tmp_path / "out", *options) == 0
    rows = datasets.load_dataset(str(tmp_path / "out"), split="train")
    check(list(rows), tokens, begin, end)
    assert rows.features["tokens"] == datasets.List(datasets.Value(kind))
    # Those of the card and those of the shards are the same.
    builder = datasets.load_dataset_builder(str(tmp_path / "out"))
    assert builder.info.features == rows.features
    one = pyarrow.parquet.read_schema(tmp_path / "out" / "data" / "00000.parquet")
    assert datasets.Features.from_arrow_schema(one) == rows.features
    assert b"huggingface" in one.metadata
    assert rows.with_format("torch")[1]["tokens"].dtype == torch.int64


def test_jsonl(source, tokens, tmp_path):
    begin, end = "<|SPEECH_GENERATION_START|>", "<|SPEECH_GENERATION_END|>"
    assert export(source, "jsonl", tmp_path, "--begin", begin, "--end", end) == 0
    paths = sorted((tmp_path / "data").iterdir())
    assert [path.name for path in paths] == [f"0000{n}.jsonl" for n in range(3)]
    rows = [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]
    assert rows[0]["tokens"] == f"{begin}<|s_{tokens[0][0]}|>{end}"
    check([row | {"tokens": from_text(row["tokens"])} for row in rows], tokens, [], [])


def test_jsonl_with_an_offset_in_datasets(source, tokens, tmp_path):
    datasets = pytest.importorskip("datasets", reason="the extra `dev` is not installed")
    assert export(source, "jsonl", tmp_path / "out", "--offset", "7") == 0
    rows = datasets.load_dataset(str(tmp_path / "out"), split="train")
    check([row | {"tokens": from_text(row["tokens"], 7)} for row in rows], tokens, [], [])


@SPELLINGS
def test_webdataset(source, tokens, tmp_path, options, begin, end, kind):
    webdataset = pytest.importorskip("webdataset", reason="the extra `dev` is not installed")
    assert export(source, "webdataset", tmp_path, *options) == 0
    paths = sorted(map(str, (tmp_path / "data").glob("*.tar")))
    found = list(webdataset.WebDataset(paths, shardshuffle=False).decode())
    assert all(row["tokens.npy"].dtype == kind for row in found)
    check([row["json"] | {"tokens": row["tokens.npy"]} for row in found], tokens, begin, end)


def test_tars_are_read_without_webdataset(source, tokens, tmp_path):
    assert export(source, "webdataset", tmp_path) == 0
    with tarfile.open(tmp_path / "data" / "00001.tar") as tar:
        assert tar.getnames()[:2] == ["000000004.json", "000000004.tokens.npy"]
        row = json.load(tar.extractfile("000000004.json"))
        assert row["id"] == "ä/5.wav"  # the fifth with tokens
        member = io.BytesIO(tar.extractfile("000000004.tokens.npy").read())
    found = np.load(member, allow_pickle=False)
    np.testing.assert_array_equal(found, tokens[5])


@pytest.mark.parametrize("form", ROWS)
def test_card(source, tmp_path, form):
    yaml = pytest.importorskip("yaml")
    options = SPECIAL if form != "jsonl" else ["--begin", "<|a|>"]
    assert export(source, form, tmp_path, *options) == 0
    _, front, text = (tmp_path / "README.md").read_text("utf-8").split("---\n", 2)
    told = yaml.safe_load(front)
    known = json.loads((tmp_path / "export.json").read_text())
    assert told["audiotok"] == known
    assert (known["model"], known["model_id"]) == ("some", "0123456789abcdef")
    assert (known["frame_rate"], known["codebook_size"]) == (80.0, 65536)
    assert (told["license"], told["language"]) == (["cc-by-4.0"], ["en"])
    [config] = told["configs"]
    assert list(tmp_path.glob(config["data_files"][0]["path"]))
    assert "10 clips, 0.00 hours, 1114 tokens" in text and "1 clips could not be read" in text
    assert 'from_pretrained("some")' in text
    assert "/models" not in text + front and "/x/" not in text + front  # where it was made


@pytest.mark.parametrize("form", ROWS)
def test_what_the_card_says_runs(source, tokens, tokenizer, tmp_path, monkeypatch, form):
    for name in {"hf": ("torch", "datasets"), "webdataset": ("webdataset",)}.get(form, ()):
        pytest.importorskip(name, reason="the extra `dev` is not installed")
    assert export(source, form, tmp_path, "--offset", "7") == 0
    code = (tmp_path / "README.md").read_text("utf-8").split("```python\n")[1].split("```")[0]
    monkeypatch.setattr(AudioTokenizer, "from_pretrained", lambda name: tokenizer)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    decoded = tokens[0 if form == "hf" else -1]  # the others end with the last row
    np.testing.assert_array_equal(names["wave"], tokenizer.decode(decoded))


@pytest.mark.parametrize("form", ROWS)
def test_goes_on_with_what_is_there(source, tmp_path, form, capsys):
    whole, part = tmp_path / "whole", tmp_path / "part"
    assert export(source, form, whole) == export(source, form, part) == 0
    names = sorted(path.name for path in (whole / "data").iterdir())
    assert names == [f"0000{n}{ROWS[form]}" for n in range(3)]
    kept, gone, _ = (part / "data" / name for name in names)
    gone.unlink()
    (part / "README.md").unlink()
    before = kept.stat().st_mtime_ns
    assert export(source, form, part) == 0
    assert kept.stat().st_mtime_ns == before
    for name in ("README.md", "export.json", *(f"data/{name}" for name in names)):
        assert (part / name).read_bytes() == (whole / name).read_bytes()
    assert "shard 3 of 3" in capsys.readouterr().err


def test_what_is_not_finished_is_not_there(source, tmp_path, monkeypatch):
    from audiotok_jax.corpus.language_models import jsonl

    monkeypatch.setattr(jsonl.Writer, "add", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    assert export(source, "jsonl", tmp_path) == 1
    assert not list((tmp_path / "data").iterdir()) and not (tmp_path / "README.md").exists()
    monkeypatch.undo()
    assert export(source, "jsonl", tmp_path) == 0


def test_refuses(source, tmp_path, capsys):
    out, full = tmp_path / "out", tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").touch()
    assert export(source, "hf", tmp_path / "made") == 0
    capsys.readouterr()
    for form, options, message in (
        ("hf", ["--out", str(full)], "is not empty, and no such export"),
        ("hf", ["--out", str(tmp_path / "made"), "--offset", "5"], "another export is there"),
        ("hf", ["--begin", "5", "--offset", "5"], "two ids below the offset of tokens, 5"),
        ("hf", ["--begin", "<|a|>", "--offset", "5"], "two ids below the offset"),
        ("webdataset", ["--begin", "1", "--end", "1", "--offset", "5"], "two ids below"),
        ("hf", ["--offset", str(2**31)], "the offset must lie in 0.."),
        ("hf", ["--compact"], "--compact: hf holds plain tokens"),
        ("flat", ["--offset", "5"], "--offset: is for hf, jsonl, webdataset, not flat"),
        ("atok", ["--end", "5"], "--end: is for hf"),
    ):
        assert export(source, form, out, *options) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert message in line
        assert not out.exists()


def test_text():
    ids = np.array([0, 12, 65535], np.uint16)
    assert to_text(ids) == "<|s_0|><|s_12|><|s_65535|>"
    assert to_text(ids, 10) == "<|s_10|><|s_22|><|s_65545|>"
    read = from_text(f"Say: <|start|>{to_text(ids, 10)}<|end|> <|s_x|><|s_-1|>", 10)
    assert read.dtype == np.uint16 and read.tolist() == ids.tolist()
    assert from_text("no tokens").shape == (0,)
    for text, offset in (("<|s_65536|>", 0), ("<|s_9|>", 10)):
        with pytest.raises(ValueError, match="token names must lie in"):
            from_text(text, offset)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64])
def test_signs(dtype):
    ids = np.array([[0, 1, 2], [0b101, 2**15, 2**16 - 1]], dtype)
    found = signs(ids, 16)
    assert (found.dtype, found.shape) == (np.float32, (2, 3, 16))
    assert set(np.unique(found)) == {-1, 1}
    assert found[1, 0].tolist() == [1, -1, 1] + [-1] * 13
    np.testing.assert_array_equal(((found > 0) << np.arange(16)).sum(-1), ids)
    if dtype != np.int64:
        traced = jax.jit(signs, static_argnums=1)(jnp.asarray(ids), 16)
        assert traced.dtype == np.float32
        np.testing.assert_array_equal(traced, found)


def test_spelling_of_a_corpus_is_that_of_its_rows(source, tmp_path):
    """Rows that Grain draws from the corpus have the ids of an export with the same offset."""
    assert export(source, "hf", tmp_path, *SPECIAL) == 0
    words = corpus.Vocabulary(OFFSET, bos=BEGIN, eos=END)
    [ids, *_] = pyarrow.parquet.read_table(tmp_path / "data")["tokens"].to_pylist()
    [packed] = corpus.Packed(corpus.open(source), len(ids), words)[0][None]
    np.testing.assert_array_equal(packed, ids)


@pytest.mark.parametrize(
    ("script", "form", "needs", "options"),
    [
        ("hf_torch", "hf", ("torch", "datasets"), SPECIAL),
        ("hf_jax", "hf", (), SPECIAL),
        ("webdataset_torch", "webdataset", ("torch", "webdataset"), SPECIAL),
        ("jsonl_torch", "jsonl", ("torch",), ["--offset", "7", "--begin", "<|a|>"]),
    ],
)
def test_examples_learn(learnable, tmp_path, capsys, script, form, needs, options):
    for name in needs:
        pytest.importorskip(name, reason="the extra `dev` is not installed")
    assert export(learnable, form, tmp_path / "out", *options) == 0
    train = runpy.run_path(str(EXAMPLES / f"{script}.py"))["main"]
    capsys.readouterr()
    train([str(tmp_path / "out"), "--steps", "15"])
    losses = re.findall(r"^step \d+: (\S+) bits per", capsys.readouterr().out, re.MULTILINE)
    first, *_, last = map(float, losses)
    assert 12 < first < 25 and last < first - 6


@pytest.mark.parametrize(("script", "form"), [("hf_jax", "hf"), ("jsonl_torch", "jsonl")])
def test_examples_refuse_what_makes_no_row(tmp_path, script, form):
    if script != "hf_jax":
        pytest.importorskip("torch", reason="the extra `dev` is not installed")
    (tmp_path / "corpus").mkdir()
    small = make(tmp_path / "corpus", [np.arange(3, dtype=np.uint16)])
    assert export(small, form, tmp_path / "out") == 0
    train = runpy.run_path(str(EXAMPLES / f"{script}.py"))["main"]
    with pytest.raises(SystemExit, match="are too few"):
        train([str(tmp_path / "out"), "--steps", "1"])


def test_what_the_documentation_says_runs(tmp_path, monkeypatch):
    """All blocks of docs/language-models.md, one after the other in one folder."""
    for name in ("torch", "datasets", "webdataset"):
        pytest.importorskip(name, reason="the extra `dev` is not installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()
    for clip in ("en_us_female", "cmn_male"):
        (tmp_path / "corpus" / f"{clip}.flac").symlink_to(ROOT / "examples" / f"{clip}.flac")
    page = (ROOT / "docs" / "language-models.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    ran = 0
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(text, "language-models.md", "exec"), names)
            ran += 1
            continue
        for line in text.splitlines():
            program, first, *rest = shlex.split(line, comments=True)
            if program == "audiotok":
                assert main([first, *rest]) == 0
            else:
                runpy.run_path(str(ROOT / first))["main"]([*rest, "--steps", "1"])
            ran += 1
    assert ran > 10
