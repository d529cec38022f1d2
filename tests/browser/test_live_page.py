"""The page that listens, in headless Chromium: its tokens are those of all other programs."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from audiotok_jax import AudioTokenizer, audio, cli, entropy, pretrained, tokenfile
from audiotok_jax.codec.integer import reference

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
ROOT = Path(__file__).resolve().parent.parent.parent
TALK = ROOT / "examples" / "en_us_female.flac"
RATE = 16_000
READY = 60_000  # milliseconds that a busy machine may take


class Page(NamedTuple):
    """The page of a model, opened."""

    tab: Any
    folder: Path

    def status(self, text: str) -> None:
        playwright.expect(self.tab.locator("#status")).to_have_text(text, timeout=READY)

    def open(self, path: Path) -> None:
        self.tab.set_input_files("#file", path)

    def number(self, of: str) -> float:
        return float(self.tab.locator(f"#{of}").text_content().split()[0])

    def speed(self, of: str) -> float:
        return float(self.tab.locator(f"#{of}").text_content().split(", ")[1].split()[0])

    def save(self, selector: str, name: str) -> Path:
        with self.tab.expect_download() as found:
            self.tab.click(selector)
        path = self.folder / name
        found.value.save_as(path)
        return path

    def tokens(self) -> np.ndarray:
        return tokenfile.read(self.save("#save-tokens", "page.atok")).tokens


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("web") / "page"
    assert cli.main(["export", pretrained.DEFAULT, "--to", "web", "--out", str(out)]) == 0
    assert sum(path.stat().st_size for path in out.iterdir()) < 15e6
    return out


@pytest.fixture(scope="module")
def tokenizer() -> AudioTokenizer:
    return AudioTokenizer.from_pretrained(devices=jax.devices()[:1])


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as WAV at the rate of the model."""
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    audio.write(path, audio.read(TALK, RATE)[0], RATE)
    return path


@pytest.fixture(scope="module")
def address(web: Path) -> Iterator[str]:
    """A static server on localhost, which browsers give the microphone to."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Handler, directory=os.fspath(web))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(params=["server", "file system"])
def page(request: Any, browser: Any, web: Path, talk: Path, tmp_path: Path) -> Iterator[Page]:
    """The page in a browser whose microphone is the clip; no request may leave it."""
    base = request.getfixturevalue("address") if request.param == "server" else f"{web.as_uri()}/"
    arguments = (
        "--no-sandbox",
        "--disable-gpu",
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={talk}",
    )
    complaints: list[str] = []
    asked: list[str] = []
    own = browser.browser_type.launch(
        executable_path=request.getfixturevalue("chromium"), args=arguments
    )
    with own, own.new_context(viewport={"width": 1200, "height": 900}) as context:
        context.on("request", lambda request: asked.append(request.url))
        context.on("console", lambda message: complaints.append(message.text))
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        tab = context.new_page()
        tab.goto(f"{base}index.html")
        opened = Page(tab, tmp_path)
        opened.status("Ready.")
        yield opened
    assert complaints == []
    assert [url for url in asked if not url.startswith((base, f"blob:{base}", "blob:null"))] == []


def test_the_microphone_gives_the_tokens_of_all_programs(page, tokenizer, tmp_path):
    tab = page.tab
    tab.click("#record")
    page.status("Listening …")
    playwright.expect(tab.locator("#record")).to_have_text("Stop")
    counts = []
    for _ in range(20):
        tab.wait_for_timeout(200)
        counts.append(int(tab.locator("#count").text_content()))
    assert len(set(counts)) > 5 and counts[-1] > 80, "tokens come while one speaks"
    tab.click("#record")
    page.status("Done. Listen to both.")
    assert page.speed("encoding") > 1 and page.speed("decoding") > 1

    tokens = page.tokens()
    heard = page.save("#original .save", "heard.wav")
    wave, rate = audio.read(heard)
    assert rate == RATE and np.sqrt(np.mean(wave**2)) > 0.01 and len(set(tokens.tolist())) > 40
    samples = np.round(wave * 32768).astype(np.int16)

    released = pretrained.load()
    wanted = reference.encode(released.params["encoder"], released.config, samples)
    np.testing.assert_array_equal(tokens, wanted)
    assert cli.main(["encode", str(heard), "-o", str(tmp_path / "cli.atok")]) == 0
    assert (tmp_path / "cli.atok").read_bytes() == (tmp_path / "page.atok").read_bytes()

    decoded = audio.read(page.save("#decoded .save", "decoded.wav"))[0]
    assert len(decoded) == len(wave)
    speech = tokenizer.decode(tokens, len(wave)).clip(-1, 1)
    np.testing.assert_allclose(decoded, speech, atol=1e-4)

    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    sys.path.insert(0, str(ROOT / "lite"))
    import audiotok_lite

    onnx = tmp_path / "onnx"
    assert cli.main(["export", pretrained.DEFAULT, "--to", "onnx", "--out", str(onnx)]) == 0
    np.testing.assert_array_equal(audiotok_lite.load(onnx).encode(wave, RATE), tokens)


def test_files_and_token_files_are_opened(page, tokenizer, talk, tmp_path):
    page.open(talk)
    page.status("Done. Listen to both.")
    wave, _ = audio.read(talk)
    tokens = page.tokens()
    np.testing.assert_array_equal(tokens, tokenizer.encode(wave, RATE))
    assert page.number("seconds") == pytest.approx(len(wave) / RATE, abs=0.01)
    assert page.number("count") == len(tokens)
    assert page.tab.locator("#bitrate").text_content() == "1.28 kbit/s"
    shown = page.tab.locator("#tokens").text_content().split()
    assert shown == [str(token) for token in tokens[-400:]]
    page.tab.click("#decoded .play")
    playwright.expect(page.tab.locator("#decoded .play")).to_have_text("Stop")
    page.tab.click("#decoded .play")
    playwright.expect(page.tab.locator("#decoded .play")).to_have_text("Play")

    page.open(tmp_path / "page.atok")
    page.status("Decoded. Listen to it.")
    assert page.tab.locator("#original .play").is_disabled()
    decoded = audio.read(page.save("#decoded .save", "decoded.wav"))[0]
    speech = tokenizer.decode(tokens, len(wave)).clip(-1, 1)
    np.testing.assert_allclose(decoded, speech, atol=1e-4)
    np.testing.assert_array_equal(page.tokens(), tokens)


def test_what_cannot_be_opened_is_said(page, talk, tokenizer, tmp_path):
    coder = entropy.load("speech-40hz-v1")
    other = tokenfile.TokenFile(np.zeros(3, np.uint16), coder.prior.model_id, RATE, 200, 600)
    tokenfile.write(tmp_path / "compact.atok", other, coder)
    tokenfile.write(tmp_path / "other.atok", other)
    own = tokenfile.TokenFile(other.tokens, tokenizer.model_id, RATE, 200, 600)
    damaged = bytearray(tokenfile.dumps(own))
    damaged[43] ^= 1
    (tmp_path / "damaged.atok").write_bytes(damaged)
    (tmp_path / "text.wav").write_text("no audio")
    for name, said in (
        ("compact.atok", "compact.atok: These tokens are compact; write them by audiotok encode"),
        ("other.atok", f"other.atok: Made by model {coder.prior.model_id}, but this is"),
        ("damaged.atok", "damaged.atok: This token file is damaged: its checksum is wrong."),
        ("text.wav", "text.wav: This browser cannot read this file as audio."),
    ):
        page.open(tmp_path / name)
        playwright.expect(page.tab.locator("#status")).to_contain_text(said)
        assert page.tab.locator("#save-tokens").is_disabled()
    page.open(TALK)  # and it goes on; the browser reads FLAC, and resamples
    page.status("Done. Listen to both.")
    assert page.number("seconds") == pytest.approx(len(audio.read(talk)[0]) / RATE, abs=0.1)


@pytest.mark.parametrize("rate", [48_000, 44_100, 8_000])
@pytest.mark.parametrize("page", ["server"], indirect=True)
def test_the_rate_of_a_microphone_is_converted(page, rate):
    """Tones below half of both rates stay as they are, those above are gone, at any cut."""

    def converted(hertz: float, pieces: int) -> np.ndarray:
        tone = np.sin(2 * np.pi * hertz * np.arange(rate) / rate)
        cuts = [piece.tolist() for piece in np.array_split(tone, pieces)]
        script = """([from, to, pieces]) => {
          const resampler = new Resampler(from, to);
          return pieces.flatMap((piece) => [...resampler.push(Float32Array.from(piece))]);
        }"""
        return np.array(page.tab.evaluate(script, [rate, RATE, cuts]))

    for hertz in (100, 1000, 3000, 0.42 * min(rate, RATE)):
        found = converted(hertz, 1)
        assert len(found) == pytest.approx(RATE, abs=60)
        wanted = np.sin(2 * np.pi * hertz * np.arange(len(found)) / RATE)
        np.testing.assert_allclose(found[200:], wanted[200:], atol=2e-3)
        np.testing.assert_array_equal(converted(hertz, 77), found)
    for hertz in (9000, 15_000, 20_000):
        if hertz < rate / 2:
            assert np.abs(converted(hertz, 1)[200:]).max() < 2e-3


def test_the_script_of_products_is_what_its_text_says():
    wasmtime = pytest.importorskip("wasmtime", reason="wasmtime is of the extra dev")
    folder = ROOT / "audiotok_jax" / "export" / "assets" / "worker"
    made = bytes(wasmtime.wat2wasm((folder / "multiply.wat").read_text()))
    assert made == (folder / "multiply.wasm").read_bytes()
