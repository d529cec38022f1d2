"""Tests of reading corpora, of rows for language models, and of the commands that read."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grain
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_entropy import make_prior

from audiotok_jax import AudioTokenizer, audio, corpus, entropy, pretrained, tokenfile
from audiotok_jax.cli import main
from audiotok_jax.corpus import Packed, Padded, Vocabulary, shards
from audiotok_jax.corpus.engines import Done
from audiotok_jax.corpus.formats import Layout
from audiotok_jax.corpus.inputs import Original
from audiotok_jax.corpus.plan import Plan, Settings

HOP = 200
FORMATS = ("parquet", "array_record", "flat")
BROKEN = 4  # number of the clip that cannot be read


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory) -> Path:
    """A folder with the tiny model, and a prior."""
    config, params = tiny
    folder = tmp_path_factory.mktemp("model")
    model_id = pretrained.save(folder, params, config)
    make_prior(model_id=model_id).save(folder / entropy.FILE)
    return folder


@pytest.fixture(scope="module")
def tokens() -> list[np.ndarray]:
    """Of 11 clips, the fifth of which has none."""
    rng = np.random.default_rng(0)
    counts = [1, 30, 55, 7, 0, 100, 41, 2, 80, 13, 29]
    return [rng.integers(0, 2**16, count).astype(np.uint16) for count in counts]


@pytest.fixture(scope="module")
def make(model, tokens):
    """Writes a corpus of three shards."""

    def make(out: Path, form: str, compact: bool = False) -> Path:
        coder = entropy.load(model) if compact else None
        settings = Settings(
            inputs=("speech",),
            clips="0" * 16,
            version="1",
            model=str(model),
            model_id=pretrained.load(model).model_id,
            sample_rate=16000,
            hop_length=HOP,
            bits=16,
            format=form,
            compact=compact,
            prior=coder.prior.id if coder else "",
            shard_clips=4,
        )
        (out / shards.FOLDER).mkdir(parents=True)
        clips = [
            Original(f"a/{n}.wav", f"/x/{n}.wav", {"speaker": f"s{n % 3}"})
            for n in range(len(tokens))
        ]
        plan = Plan.write(out, settings, clips)
        done = iter(
            Done(n, one, max(0, HOP * len(one) - 50), "empty" if n == BROKEN else "")
            for n, one in enumerate(tokens)
        )
        for shard in plan.shards:
            list(shards.write(plan, shard, Layout(settings.about, plan.columns, coder), done))
        return out

    return make


@pytest.fixture(scope="module")
def corpora(make, tmp_path_factory) -> dict[tuple[str, bool], Path]:
    """In each format, plain and compact."""
    root = tmp_path_factory.mktemp("corpora")
    kinds = [(form, False) for form in FORMATS] + [("parquet", True), ("array_record", True)]
    return {
        (form, compact): make(root / f"{form}-{compact}", form, compact) for form, compact in kinds
    }


@pytest.fixture(
    scope="module",
    params=[*((f, False) for f in FORMATS), *((f, True) for f in FORMATS[:2])],
    ids=str,
)
def opened(request, corpora) -> corpus.Corpus:
    return corpus.open(corpora[request.param])


def check(found: corpus.Corpus, tokens: list[np.ndarray]) -> None:
    """Fails unless `found` has all clips but the one that cannot be read."""
    numbers = [n for n in range(len(tokens)) if n != BROKEN]
    assert len(found) == len(numbers)
    assert found.num_tokens == sum(map(len, tokens))
    for n, entry in zip(numbers, found, strict=True):
        assert (entry.id, entry.path) == (f"a/{n}.wav", f"/x/{n}.wav")
        assert entry.columns == {"speaker": f"s{n % 3}"}
        assert (entry.sample_rate, entry.num_samples) == (16000, HOP * len(tokens[n]) - 50)
        assert entry.tokens.dtype == np.uint16
        np.testing.assert_array_equal(entry.tokens, tokens[n])


def test_clips_come_back(opened, tokens):
    check(opened, tokens)


def test_by_number_and_by_id(opened, tokens):
    np.testing.assert_array_equal(opened[-1].tokens, tokens[-1])
    np.testing.assert_array_equal(opened[np.int64(5)].tokens, tokens[6])
    np.testing.assert_array_equal(opened.find("a/8.wav").tokens, tokens[8])
    for number in (10, -11):
        with pytest.raises(IndexError, match="there are 10"):
            opened[number]
    for name in ("a/4.wav", "b"):
        with pytest.raises(KeyError):
            opened.find(name)


def test_other_processes_and_threads(opened, tokens):
    check(pickle.loads(pickle.dumps(opened)), tokens)
    numbers = [n for n in range(len(tokens)) if n != BROKEN] * 20
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: opened[i % 10].tokens, range(200)))
    assert all(np.array_equal(one, tokens[n]) for one, n in zip(found, numbers, strict=True))


def test_few_shards_stay_open(corpora, tokens, monkeypatch):
    monkeypatch.setattr("audiotok_jax.corpus.reading.OPEN_SHARDS", 1)
    found = corpus.open(corpora["parquet", False])
    for number in (0, 9, 0, 5):
        found[number]
    assert len(found._readers) == 1
    check(found, tokens)


@given(st.integers(1, 400), st.booleans(), st.booleans())
def test_packed_rows(corpora, tokens, length, bos, eos):
    vocabulary = Vocabulary(3, 0 if bos else None, 1 if eos else None)
    rows = Packed(corpus.open(corpora["flat", False]), length, vocabulary)
    ids = [
        value
        for n, one in enumerate(tokens)
        if n != BROKEN
        for value in [*[0] * bos, *(one.astype(int) + 3).tolist(), *[1] * eos]
    ]
    assert len(rows) == len(ids) // length
    assert [value for row in rows for value in row] == ids[: len(rows) * length]
    with pytest.raises(IndexError):
        rows[len(rows)]


def test_grain_reads_it(opened, tokens):
    rows = Packed(opened, 16)
    batches = grain.MapDataset.source(rows).shuffle(seed=0).batch(4, drop_remainder=True)
    found = np.concatenate(list(batches.to_iter_dataset()))
    assert found.dtype == np.int32 and found.shape == (len(rows) // 4 * 4, 16)
    known = np.concatenate(tokens)[: 16 * len(rows)].reshape(-1, 16)
    assert set(map(tuple, found)) <= set(map(tuple, known))
    assert len(set(map(tuple, found))) == len(found)
    lengths = grain.MapDataset.source(opened).map(lambda entry: len(entry.tokens))
    assert sorted(lengths) == sorted(map(len, tokens))[1:]


def test_padded_rows(opened, tokens):
    vocabulary = Vocabulary(3, bos=0, eos=1, pad=2)
    [batch] = grain.MapDataset.source(Padded(opened, 40, vocabulary)).batch(10)
    lengths = [min(40, len(one) + 2) for n, one in enumerate(tokens) if n != BROKEN]
    assert batch["ids"].shape == (10, 40) and batch["ids"].dtype == np.int32
    assert batch["length"].tolist() == lengths
    row = batch["ids"][0]
    assert row.tolist() == [0, int(tokens[0][0]) + 3, 1] + [2] * 37
    assert batch["ids"][4].tolist() == [0, *(tokens[5][:39].astype(int) + 3)]  # cut off


def test_vocabulary():
    vocabulary = Vocabulary(10, bos=3, eos=4)
    ids = vocabulary.ids(np.array([0, 65535], np.uint16))
    assert ids.dtype == np.int32 and ids.tolist() == [3, 10, 65545, 4]
    assert vocabulary.tokens(ids).tolist() == [0, 65535]
    assert Vocabulary().ids([5]).tolist() == [5]
    for bad in ({"bos": 0}, {"specials": 2, "pad": 2}, {"specials": 2, "bos": 1, "eos": 1}):
        with pytest.raises(ValueError, match="differ and lie in"):
            Vocabulary(**bad)
    with pytest.raises(ValueError, match="needs a length"):
        Padded(None, 4, Vocabulary(1, bos=0))
    with pytest.raises(ValueError, match="at least 1 id"):
        Packed(None, 0)


@pytest.mark.parametrize("form", FORMATS)
def test_unfinished_and_damaged(corpora, tokens, tmp_path, form):
    out = tmp_path / "corpus"
    shutil.copytree(corpora[form, False], out)
    (out / "shards" / "00001.json").unlink()
    with pytest.warns(UserWarning, match=r"corpus: unfinished: 2 of 3 shards are there"):
        found = corpus.open(out)
    assert [entry.id for entry in found] == [f"a/{n}.wav" for n in (0, 1, 2, 3, 8, 9, 10)]
    suffix = {"parquet": ".parquet", "array_record": ".array_record", "flat": ".bin"}[form]
    data = out / "shards" / f"00002{suffix}"
    whole = data.read_bytes()
    for bad in (None, whole[:-1]):
        data.unlink(missing_ok=True)
        if bad is not None:
            data.write_bytes(bad)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = corpus.open(out)
        assert found[3].id == "a/3.wav"
        with pytest.raises(ValueError, match="shard 00002 is damaged: .*`audiotok corpus run`"):
            found[4]


def test_no_corpus(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no corpus"):
        corpus.open(tmp_path)
    with pytest.raises(FileNotFoundError, match="is no corpus"):
        corpus.open(tmp_path / "none")


def test_prior_that_is_gone(corpora, tmp_path, model, monkeypatch):
    out = tmp_path / "corpus"
    shutil.copytree(corpora["parquet", True], out)
    monkeypatch.setattr(entropy, "load", lambda *_: (_ for _ in ()).throw(FileNotFoundError()))
    with pytest.raises(entropy.UnknownPriorError, match="made compact by prior"):
        corpus.open(out)[0]


@pytest.mark.parametrize(
    ("source", "form", "compact"),
    [
        (("parquet", False), "flat", False),
        (("flat", False), "array_record", True),
        (("array_record", True), "parquet", True),
        (("parquet", True), "flat", False),
    ],
)
def test_export(corpora, tokens, tmp_path, source, form, compact):
    out = tmp_path / "new"
    arguments = ["--format", form, "--out", str(out), *(["--compact"] if compact else [])]
    assert main(["corpus", "export", str(corpora[source]), *arguments]) == 0
    check(corpus.open(out), tokens)
    for path in (corpora[form, compact] / shards.FOLDER).iterdir():  # as if it had been made so
        assert path.read_bytes() == (out / shards.FOLDER / path.name).read_bytes()
    assert (
        main(["corpus", "export", str(corpora[source]), *arguments]) == 0
    )  # nothing is left to do


def test_export_to_files(corpora, tokens, model, tmp_path):
    arguments = ["--format", "atok", "--compact", "--out", str(tmp_path)]
    assert main(["corpus", "export", str(corpora["flat", False]), *arguments]) == 0
    found = tokenfile.read(tmp_path / "a" / "8.wav.atok", find=lambda _: entropy.load(model))
    np.testing.assert_array_equal(found.tokens, tokens[8])
    assert found.num_samples == HOP * len(tokens[8]) - 50
    assert len(list(tmp_path.rglob("*.atok"))) == 10


def test_export_refuses(corpora, tmp_path, capsys):
    source = corpora["parquet", False]
    for arguments, message in (
        (["flat", "--out", str(source)], "is the corpus itself"),
        (["flat", "--compact", "--out", str(tmp_path)], "flat shards hold plain tokens"),
        (["flat", "--out", str(corpora["array_record", False])], "another corpus is there"),
    ):
        assert main(["corpus", "export", str(source), "--format", *arguments]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert message in line


def test_info(corpora, capsys):
    assert main(["corpus", "info", str(corpora["parquet", True])]) == 0
    told = capsys.readouterr().out
    for words in (
        "clips        10 of 11",
        "unreadable   1",
        "shards       3 of 3",
        "parquet, compact",
    ):
        assert words in told


def test_decode_by_id(corpora, tokens, model, tmp_path, capsys):
    source = str(corpora["array_record", True])
    arguments = ["corpus", "decode", source, "a/6.wav", "a/2.wav", "--out", str(tmp_path)]
    assert main(arguments) == 0
    tokenizer = AudioTokenizer.from_pretrained(model)
    for n in (2, 6):
        wave, rate = audio.read(tmp_path / "a" / f"{n}.wav.wav")
        expected = tokenizer.decode(tokens[n])[: HOP * len(tokens[n]) - 50]
        assert rate == 16000
        np.testing.assert_allclose(wave, expected.clip(-1, 1), atol=1 / 32767)
    capsys.readouterr()
    assert main(arguments) == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert main(["corpus", "decode", source, "nope", "--out", str(tmp_path)]) == 1
    assert "there is no clip with the id 'nope'" in capsys.readouterr().err
    assert main([*arguments, "--force", "--model", "speech-40hz-v1"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "prior" in line or "made by model" in line


def test_readers_and_decoding_processes_do_without_jax():
    code = (
        "import sys, audiotok_jax.corpus.workers, audiotok_jax.tokenfile;"
        "sys.exit(bool({'jax', 'flax'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
