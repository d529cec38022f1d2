"""Tests of `audiotok page`: what is written; `browser/` opens it."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyloudnorm
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from audiotok_jax import AudioTokenizer, audio, cli, interchange, picture, preset, pretrained
from audiotok_jax import tokenfile as tf
from audiotok_jax.codec import model
from audiotok_jax.commands import page as page_command
from audiotok_jax.evaluate import metrics
from audiotok_jax.evaluate.codecs.pcm import Pcm
from audiotok_jax.files import replacing_folder
from audiotok_jax.page import loudness, site, spectrogram
from audiotok_jax.page.anchor import anchor
from audiotok_jax.page.clip import file_name, printed

RATE = 16000
AWKWARD = """a <b>&amp; "x" 'y' #1?q=%41 é 中.flac"""


@pytest.fixture(scope="module")
def models(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, AudioTokenizer]:
    """Two models by the name of their folder."""
    top = tmp_path_factory.mktemp("models")
    config = preset("tiny-25hz")
    params = jax.jit(model.init, static_argnums=1)(jax.random.key(1), config)
    pretrained.save(top / "80", *reversed(tiny))
    pretrained.save(top / "25", params, config)
    return {
        str(top / name): AudioTokenizer.from_pretrained(top / name, devices=jax.devices()[:1])
        for name in ("80", "25")
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(here: Path, models: Any, capfd: Any) -> Callable[..., tuple[int, str]]:
    """Runs the command with the first model and no metrics: the exit code, standard error."""

    def run(*args: str | Path, names: Any = None, measured: str = "") -> tuple[int, str]:
        chosen = [part for name in names or list(models)[:1] for part in ("--model", name)]
        code = cli.main(["page", *map(str, args), *chosen, "--metrics", measured])
        out, err = capfd.readouterr()
        assert out == ""
        return code, err

    return run


@pytest.fixture
def clip(speech: Any, here: Path) -> Callable[..., Path]:
    """Writes a clip."""

    def write(path: str | Path, samples: int = 8000, seed: int = 0, rate: int = RATE) -> Path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, speech(samples, seed, rate), rate)
        return Path(path)

    return write


class Page(HTMLParser):
    """The tags of a page with their attributes, and the text of those that hold nothing else."""

    def __init__(self, path: str | Path, name: str = "index.html") -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.folder = Path(path)
        self.feed((self.folder / name).read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.setdefault(self.tags[-1][0], []).append(data.strip())

    def all(self, tag: str, name: str) -> list[Any]:
        """An attribute of all tags of a name that have it."""
        return [found[name] for kind, found in self.tags if kind == tag and name in found]

    def facts(self) -> list[tuple[str, str]]:
        """Names and values in the order of the page."""
        return list(zip(self.texts["dt"], self.texts["dd"], strict=True))

    def data(self) -> Any:
        """What the scripts know."""
        start, text, end = re.split(
            r"({.*})", (self.folder / "data.js").read_text(encoding="utf-8")
        )
        assert (start, end) == ("const PAGE = ", ";\n")
        return json.loads(text)

    def sounds(self) -> list[Any]:
        """All sounds of the data, those of a clip one after the other."""
        return [sound for clip in self.data()["clips"] for sound in clip["sounds"]]

    def tokens(self) -> list[str]:
        """The printed tokens of all scripts."""
        return [self.script(sound["tokens"]) for sound in self.sounds() if "tokens" in sound]

    def script(self, url: str) -> str:
        start, text, end = re.split(r"(\".*\")", (self.folder / url).read_text())
        assert (start, end) == ("document.currentScript.value = ", ";\n")
        return json.loads(text)

    def heard(self, url: str) -> tuple[Any, int]:
        """The samples and the rate of the FLAC in a script."""
        return sf.read(io.BytesIO(base64.b64decode(self.script(url))), dtype="float32")


def files(path: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too."""
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def assert_one_line(err: str, *parts: str) -> None:
    """Fails unless standard error is one line of ours that holds all parts."""
    assert err.startswith("audiotok: ") and err.count("\n") == 1 and err.endswith("\n"), err
    for part in parts:
        assert part in err


@pytest.mark.parametrize(
    "text",  # as PyTorch 2.13 prints them
    [
        """\
tensor([[ 9071, 22264,     0, 65535, 12345,     7,     8,     9,    10,    11,
            12,    13]])""",
        "tensor([[7]])",
        """\
tensor([[ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,
         18, 19, 20, 21, 22, 23, 24]])""",
    ],
)
def test_tokens_are_printed_as_pytorch_prints_them(text):
    assert printed(np.array(re.findall(r"\d+", text), np.uint16)) == text


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=2000))
def test_printed_tokens_can_be_read_again(tmp_path_factory, ids):
    path = tmp_path_factory.getbasetemp() / "printed.txt"
    path.write_text(printed(np.array(ids, np.uint16)))
    (found,) = interchange.read_streams(path)
    assert found.tolist() == ids
    # PyTorch does not count the brackets at the end.
    assert max(len(line.rstrip("])")) for line in path.read_text().splitlines()) <= 80


@given(st.integers(1, 10**4), st.text())
def test_file_names_are_safe_and_told_apart_by_their_number(number, name):
    made = file_name(number, name)
    assert re.fullmatch(rf"{number:02}(-\w|\w)*", made, re.ASCII) and len(made) <= 60
    assert made != file_name(number + 1, name)


def test_file_names_tell_what_they_are_for():
    assert file_name(7, "en_gb_male") == "07-en_gb_male"
    assert file_name(12, "../runs/Größe 2/model") == "12-runs-Groe-2-model"
    assert file_name(3, "中文") == "03"


def test_spectrograms_of_one_scale(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16000) / RATE).astype(np.float32)
    loud = picture.spectrogram(tone, RATE)
    pixels = []
    for level in (0, 20, 90):
        spectrogram.draw(tmp_path / "x.png", loud - level, float(loud.max()))
        with Image.open(tmp_path / "x.png") as image:
            assert image.mode == "P" and image.height == 257
            assert 200 < image.width <= spectrogram.MAX_COLUMNS
            pixels.append(np.asarray(image))
    row = 256 - 32  # 1000 Hz: bin 32 of 31.25 Hz each, from below
    assert (pixels[0].argmax(axis=0)[5:-5] == row).all()
    assert pixels[0].max() == 80 and pixels[1].max() == 60 and pixels[2].max() == 0


def test_a_long_spectrogram_is_no_wider(tmp_path, speech):
    wave = np.tile(speech(RATE * 10), 12)
    spectrogram.draw(tmp_path / "x.png", picture.spectrogram(wave, RATE), 0)
    with Image.open(tmp_path / "x.png") as image:
        assert spectrogram.MAX_COLUMNS / 2 < image.width <= spectrogram.MAX_COLUMNS


def test_a_page_of_two_models(run, clip, models):
    clip("in/a.wav", 20_001, seed=1)
    clip("in/deep/a.flac", 22_050, seed=2, rate=22_050)
    clip(f"in/{AWKWARD}", 3000, seed=3)
    assert run("in", "--out", "out", names=models) == (0, "")
    page = Page("out")
    assert site.is_page("out")
    assert set(os.listdir()) == {"in", "out"}

    headings = page.texts["h3"]
    assert headings == [*models, AWKWARD, "a.wav", "deep/a.flac"]
    sources = [f"in/{name}" for name in headings[2:]]
    players = page.all("audio", "src")
    assert len(players) == 9 and set(page.all("audio", "preload")) == {"metadata"}
    for number, source in enumerate(sources):
        samples, rate = audio.read(source)
        original, *decoded = (page.folder / url for url in players[3 * number :][:3])
        assert audio.read(original)[1] == rate
        np.testing.assert_array_equal(audio.read(original)[0], samples)  # sources have 16 bits
        for path, tokenizer, text in zip(
            decoded, models.values(), page.tokens()[2 * number :][:2], strict=True
        ):
            tokens = tokenizer.encode(samples, rate)
            assert text == printed(tokens)
            stored = tf.read(path.with_suffix(".atok"), tokenizer.model_id)
            np.testing.assert_array_equal(stored.tokens, tokens)
            assert stored.num_samples == len(audio.read(source, RATE)[0])
            script = f"{path.relative_to(page.folder)}.js"
            np.testing.assert_array_equal(page.heard(script)[0], audio.read(path)[0])
            expected = tokenizer.decode(tokens, stored.num_samples).clip(-1, 1)
            np.testing.assert_allclose(audio.read(path)[0], expected, atol=1e-4)


def test_what_the_page_says_about_sizes(run, clip, models):
    clip("a.wav", 22_100, rate=22_050)
    run("a.wav", "--out", "out", names=models)
    facts = Page("out").facts()
    assert facts[:8] == [
        *(("Frame rate", "80 tokens/s"), ("Token", "16 bits"), ("Bitrate", "1.28 kbps")),
        ("Model id", list(models.values())[0].model_id),
        *(("Frame rate", "25 tokens/s"), ("Token", "16 bits"), ("Bitrate", "0.4 kbps")),
        ("Model id", list(models.values())[1].model_id),
    ]
    # 22100 samples are 1.00227 s: 81 or 26 tokens, 1296 or 416 bits, against 353600.
    assert [fact for fact in facts[8:18] if fact[0] != "Loudness"] == [
        *(("Length", "1.00 s"), ("16-bit PCM", "352.8 kbps"), ("Sample rate", "22.05 kHz")),
        *(("Bitrate", "1.29 kbps"), ("Compression", "273 : 1")),
        *(("Bitrate", "0.42 kbps"), ("Compression", "850 : 1")),
    ]


def test_all_that_a_page_names_lies_in_it_and_nothing_else(run, clip):
    clip(f"in/{AWKWARD}")
    clip("in/b.wav")
    run("in", "--out", "out")
    named = {"index.html"}
    for name in ("index.html", "summary.html", "abx.html", "mushra.html"):
        page = Page("out", name)
        named |= {
            url.partition("#")[0] or name
            for tag, attribute in (
                *(("audio", "src"), ("img", "src"), ("script", "src")),
                *(("link", "href"), ("a", "href")),
            )
            for url in page.all(tag, attribute)
        }
        assert not any("style" in found for _, found in page.tags)  # the policy forbids it
        ids = [found["id"] for _, found in page.tags if "id" in found]
        assert len(ids) == len(set(ids))
        for attribute in ("aria-labelledby", "for"):
            assert {found[attribute] for _, found in page.tags if attribute in found} <= {*ids}
    for sound in (*page.sounds(), *(clip["anchor"] for clip in page.data()["clips"])):
        named |= {sound["url"], *filter(None, [sound.get("tokens")])}
    assert all(re.fullmatch(r"[\w./-]+", url, re.ASCII) for url in named)
    assert named == files(Path("out")).keys()
    for path in Path("out").iterdir():
        if path.suffix in (".html", ".css", ".js"):
            assert not re.search(r"\w://|[\"'(]//", path.read_text())


def test_names_title_and_introduction_are_text_and_no_markup(run, clip):
    clip(AWKWARD)
    intro = "<script>alert(1)</script>\n\nSecond & last."
    run(AWKWARD, "--out", "out", "--title", "</title>A & B", "--intro", intro)
    page = Page("out")
    assert page.texts["title"] == page.texts["h1"] == ["</title>A & B"]
    assert page.texts["p"][:2] == ["<script>alert(1)</script>", "Second & last."]
    assert page.texts["h3"][1] == AWKWARD
    assert all(re.fullmatch(r"\w+\.js", url) for url in page.all("script", "src"))
    assert Page("out", "abx.html").texts["option"][-1] == AWKWARD
    assert Page("out", "summary.html").texts["a"][-1] == AWKWARD
    assert page.data()["clips"][0]["name"] == AWKWARD


def test_a_name_that_is_no_utf8(run, clip):
    os.rename(clip("a.wav"), b"\xff<.wav")
    assert run(os.fsdecode(b"\xff<.wav"), "--out", "out") == (0, "")
    assert Page("out").texts["h3"][1] == "?<.wav"
    assert Page("out").data()["clips"][0]["name"] == "?<.wav"


def test_the_same_input_makes_the_same_page(run, clip):
    clip("a.wav")
    for out in ("1", "2"):
        run("a.wav", "--out", out)
    assert files(Path("1")) == files(Path("2"))


def test_standard_input(run, clip, monkeypatch):
    data = clip("a.wav").read_bytes()

    class Stdin:
        buffer = io.BytesIO(data)

    monkeypatch.setattr("sys.stdin", Stdin)
    assert run("-", "--out", "out") == (0, "")
    assert Page("out").texts["h3"][1] == "stdin"


@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_metrics(run, clip, models, seconds, monkeypatch):
    pytest.importorskip("pystoi", reason="the extra `eval` is not installed")
    monkeypatch.setattr("audiotok_jax.page.clip.LONGEST_MEASURED", 1)
    clip("a.wav", int(seconds * RATE))
    assert run("a.wav", "--out", "out", measured="stoi") == (0, "")
    page = Page("out")
    wave, _ = audio.read("a.wav")
    tokenizer = next(iter(models.values()))
    decoded = tokenizer.decode(tokenizer.encode(wave, RATE), len(wave))
    (stoi,) = (metric for metric in metrics.METRICS if metric.name == "stoi")
    value = metrics.measure(metrics.Original(wave), decoded, [stoi])["stoi"]
    shown = [("STOI", f"{value:.3f}")] if seconds < 1 else []
    assert page.facts()[11:-5] == shown
    assert (
        Page("out", "summary.html").texts["td"]
        == [
            *(f"{seconds:.2f}", "1.28", shown[0][1] if shown else "–"),
        ]
        * 2
    )
    assert page.facts()[-1] == ("STOI", "higher is better")


def test_other_codecs_are_columns_in_time_with_the_original(run, clip, monkeypatch):
    def late(self: Pcm, data: bytes) -> Any:  # as codecs are, and louder
        return 2 * np.pad(decode(self, data), (700, 300))

    decode = Pcm.decode
    monkeypatch.setattr(Pcm, "decode", late)
    clip("a.wav", 20_000)
    assert run("a.wav", "--out", "out", "--codec", "pcm", "--codec", "pcm") == (0, "")
    page = Page("out")
    assert page.texts["h3"][1:] == ["pcm", "a.wav"] and page.texts["h4"][-1] == "pcm"
    samples, _ = audio.read("a.wav")
    sound = page.sounds()[2]
    np.testing.assert_allclose(page.heard(sound["url"])[0], 2 * samples, atol=1e-4)
    original, _, pcm = (found["gain"] for found in page.sounds())
    assert original - pcm == pytest.approx(6.02, abs=0.02) and "tokens" not in sound
    assert ("Bitrate", "256.00 kbps") in page.facts() and len(page.tokens()) == 1
    assert Page("out", "summary.html").texts["td"][-1] == "256.00"


def test_a_program_as_a_column(run, clip):
    if shutil.which("opusenc") is None:
        pytest.skip("opus-tools are not installed")
    clip("a.wav", 16_000)
    assert run("a.wav", "--out", "out", "--codec", "opus:12") == (0, "")
    assert Page("out").texts["h4"][-1] == "opus:12"


def test_a_clip_that_a_codec_does_not_take_is_left_out(run, clip, monkeypatch):
    def refuse(self: Pcm, wave: Any, rate: int) -> bytes:
        if len(wave) == 5000:
            raise RuntimeError("too short")
        return encode(self, wave, rate)

    encode = Pcm.encode
    monkeypatch.setattr(Pcm, "encode", refuse)
    clip("in/a.wav", 5000)
    clip("in/b.wav", 6000)
    code, err = run("in", "--out", "out", "--codec", "pcm")
    assert code == 1
    assert_one_line(err, "a.wav: pcm: too short")
    assert [found["name"] for found in Page("out").data()["clips"]] == ["b.wav"]
    assert not any("a." in name for name in os.listdir("out/clips"))


def test_the_summary_has_a_row_for_each_clip_and_their_mean(run, clip):
    clip("in/a.wav", 8000)
    clip("in/b.wav", 24_000)
    run("in", "--out", "out", "--codec", "pcm", measured="lsd")
    page = Page("out", "summary.html")
    assert page.texts["a"][-2:] == ["a.wav", "b.wav"]
    links = [url for url in page.all("a", "href") if "#clip" in url]
    assert links == ["index.html#clip-1", "index.html#clip-2"]
    a, b, mean = np.array(page.texts["td"]).reshape(3, 5).astype(float)
    assert (a[0], b[0], a[3]) == (0.5, 1.5, 256)
    np.testing.assert_allclose((a + b) / 2, mean, atol=0.006)
    labels = page.all("button", "aria-label")
    assert len(set(labels)) == len(labels) == 6


def test_loudness_is_that_of_bs1770():
    tone = np.sin(2 * np.pi * 997 * np.arange(2 * 48_000) / 48_000).astype(np.float32)
    assert loudness.level(tone, 48_000).lufs == pytest.approx(-3.01, abs=0.1)
    assert loudness.level(0.1 * tone, 48_000) == pytest.approx((-23.01, -20), abs=0.1)


@pytest.mark.parametrize("gain", [0.02, 0.5, 1, 7])
def test_gains_make_sounds_equally_loud_and_clip_none(speech, gain):
    waves = [speech(16_000, 1), gain * speech(16_000, 2), 0.3 * speech(16_000, 3)]
    gains = loudness.gains([loudness.level(wave, RATE) for wave in waves])
    played = [wave * 10 ** (db / 20) for wave, db in zip(waves, gains, strict=True)]
    found = [pyloudnorm.Meter(RATE).integrated_loudness(wave) for wave in played]
    assert max(found) - min(found) < 0.03
    assert max(np.abs(wave).max() for wave in played) < 1.001
    assert gains[0] <= 0


def test_what_has_no_loudness_is_left_as_it_is(speech):
    silent, short = np.zeros(16_000, np.float32), speech(1000)
    levels = [loudness.level(wave, RATE) for wave in (silent, short, speech(16_000))]
    assert [found.lufs is None for found in levels] == [True, True, False]
    assert loudness.gains(levels) == [0, 0, 0]
    assert loudness.gains(levels[::-1]) == [0, 0, 0]


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_the_anchor_passes_3500_hz_and_nothing_from_4000_on(rate):
    samples = np.arange(rate) / rate
    for frequency, low, high in ((200, 0.98, 1.02), (3450, 0.98, 1.02), (3990, 0, 0.01)):
        tone = np.sin(2 * np.pi * frequency * samples + 0.3).astype(np.float32)
        found = anchor(tone, rate)
        middle = slice(rate // 4, -rate // 4)
        assert found.shape == tone.shape and found.dtype == np.float32
        gain = found[middle] @ tone[middle] / (tone[middle] @ tone[middle])  # not delayed
        assert low <= abs(gain) <= high


def test_anchors_of_short_sounds_and_of_low_rates(speech):
    assert anchor(speech(1), RATE).shape == (1,)
    np.testing.assert_array_equal(anchor(speech(100), 6000), speech(100))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (np.inf, "∞"),
        (-np.inf, "−∞"),
        (1.4, "1.40"),
        (0.8, "0.800"),
        (-12.345, "-12.35"),
    ],
)
def test_values_for_people(value, shown):
    assert site.readable(value) == shown


def test_a_metric_without_its_library_is_left_out(run, clip, monkeypatch):
    clip("a.wav")
    monkeypatch.setitem(sys.modules, "pystoi", None)
    code, err = run("a.wav", "--out", "out", measured="stoi, lsd,stoi")
    page = Path("out/index.html").read_text()
    assert code == 0 and "STOI" not in page and "log-spectral distance" in page
    assert_one_line(err, "left out: STOI (")


def test_bad_inputs_are_named_and_the_others_shown(run, clip):
    clip("in/b.wav")
    Path("in/a.wav").write_bytes(b"no audio")
    whole = clip("in/c.wav").read_bytes()
    Path("in/c.wav").write_bytes(whole[:-1000])
    clip("in/d.wav")
    code, err = run("in", "--out", "out")
    assert code == 1
    assert [line.split(":")[1] for line in err.splitlines()] == [" in/a.wav", " in/c.wav"]
    assert Page("out").texts["h3"][1:] == ["b.wav", "d.wav"]
    prefixes = {name.split(".")[0] for name in os.listdir("out/clips")}
    assert prefixes == {"01-b", "02-d"}


def test_clips_of_one_name_in_two_folders_are_told_apart(here):
    for name in ("x/a.wav", "y/a.wav", "y/b.wav", "y/a.flac"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    names = page_command._named(["x", "y"])
    assert list(names.values()) == ["x/a.wav", "a.flac", "y/a.wav", "b.wav"]


def test_no_page_of_nothing(run, here):
    Path("a.wav").write_bytes(b"no audio")
    code, err = run("a.wav", "--out", "deep/out")
    assert code == 1 and "no page" in err.splitlines()[-1]
    assert os.listdir(here) == ["a.wav"]


def test_a_page_that_is_there_is_replaced_by_force_only(run, clip, here):
    clip("a.wav")
    clip("b.wav", seed=2)
    Path("out").mkdir()
    assert run("a.wav", "--out", "out") == (0, "")  # an empty folder is taken
    before = files(here)
    code, err = run("b.wav", "--out", "out")
    assert code == 1 and files(here) == before
    assert_one_line(err, "out exists; --force")
    Path("link").symlink_to("out")
    assert run("b.wav", "--out", "link", "--force") == (0, "")
    assert Path("link").is_symlink() and Page("out").texts["h3"][1] == "b.wav"
    assert sorted(os.listdir()) == ["a.wav", "b.wav", "link", "out"]


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("a.wav", "--out", "file", "--force"), "file is no folder"),
        (("a.wav", "--out", "other", "--force"), "other holds something else than a page"),
        (("in", "--out", "in", "--force"), "in/b.wav lies in in;"),
        (("in/b.wav", "--out", ".", "--force"), "in/b.wav lies in .;"),
        (("none.wav", "--out", "out"), "none.wav: No such file"),
        (("empty", "--out", "out"), "empty: no file in this folder"),
        (("a.wav", "--out", "file/out"), "file"),
        (("a.wav", "--out", "out", "--model", "none"), "no model 'none'"),
        (("a.wav", "--out", "out", "--codec", "opsu:6"), "no codec 'opsu:6', did you mean opus?"),
        (("a.wav", "--out", "out", "--codec", "pcm:8"), "pcm:8: pcm takes no argument"),
        (
            ("a.wav", "--out", "out", "--metrics", "wer"),
            "no metric 'wer'; --metrics takes pesq",
        ),
    ],
)
def test_what_cannot_be_is_one_line(clip, here, models, capfd, args, complaint):
    clip("a.wav")
    clip("in/b.wav")
    Path("file").write_text("mine")
    Path("other").mkdir()
    Path("other/index.html").write_text("mine")
    Path("empty").mkdir()
    before = files(here)
    if "--model" not in args:
        args = (*args, "--model", next(iter(models)))
    assert cli.main(["page", *args]) == 1
    assert_one_line(capfd.readouterr().err, complaint)
    assert files(here) == before


def test_models_that_cannot_share_a_page(run, clip, here, models, tiny):
    clip("a.wav")
    one = next(iter(models))
    code, err = run("a.wav", "--out", "out", names=[one, f"{one}/"])
    assert code == 1
    assert_one_line(err, f"{one} and {one}/ are the same model")
    config, params = tiny
    pretrained.save("8k", params, type(config).from_dict(config.to_dict() | {"sample_rate": 8000}))
    code, err = run("a.wav", "--out", "out", names=[one, "8k"])
    assert code == 1
    assert_one_line(err, "works at 16000 Hz and 8k at 8000 Hz")
    assert not Path("out").exists()


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "a" / "target"
    with replacing_folder(target) as place:
        (place / "old").touch()
    with pytest.raises(KeyboardInterrupt), replacing_folder(target) as place:
        (place / "half").touch()
        raise KeyboardInterrupt
    assert os.listdir(target) == ["old"]
    with replacing_folder(target) as place:
        (place / "new").touch()
        assert os.listdir(target) == ["old"]
    assert os.listdir(target) == ["new"] and os.listdir(tmp_path / "a") == ["target"]


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    target = tmp_path / "target"
    (target / "old").mkdir(parents=True)
    rename = Path.rename

    def fail(self: Path, to: Path) -> Path:
        if self.name == "new":
            raise OSError("no")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="no"), replacing_folder(target):
        pass
    assert os.listdir(target) == ["old"] and os.listdir(tmp_path) == ["target"]


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["page", "--help"])
    assert stop.value.code == 0
    assert "\n  audiotok page " in capsys.readouterr().out
