"""Opens pages of `audiotok page` in headless Chromium, from the file system and from a server.

Skipped where there is no Chromium (Debian package `chromium`) or no Playwright (extra `dev`).
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from audiotok_jax import AudioTokenizer, audio, cli, preset, pretrained
from audiotok_jax.codec import model
from audiotok_jax.files import find
from audiotok_jax.formats import AUDIO_READ

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ROOT = Path(__file__).resolve().parent.parent.parent
EVAL = Path(os.environ.get("AUDIOTOK_EVAL_DATA", ROOT.parent / "shared" / "speech" / "eval"))
HOST = "page.test"  # plain http from elsewhere: no clipboard, unlike from localhost
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--autoplay-policy=no-user-gesture-required",
    f"--host-resolver-rules=MAP {HOST} 127.0.0.1,MAP * ~NOTFOUND",
)


class Built(NamedTuple):
    """A page and what it must hold: seconds of each player, tokens of each block, in order."""

    folder: Path
    seconds: list[float]
    tokens: list[list[int]]


class Opened(NamedTuple):
    """A page in the browser, and what it asked for since it was opened."""

    built: Built
    tab: Any
    requests: list[str]

    def token_scripts(self) -> list[str]:
        return [url for url in self.requests if re.search(r"/clips/[^/]+\.js$", url)]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pages are built in and served from."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def server(top: Path) -> Iterator[str]:
    """A static server of that folder: its URL."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Handler, directory=os.fspath(top))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def page(top: Path, tiny: Any, speech: Any) -> Callable[[str], Built]:
    """Builds a page when it is first asked for."""

    def two_models() -> Built:
        """Clips of awkward names and rates, two models of different rates."""
        inputs, models = top / "in", [top / "model 80", top / "model <25>"]
        inputs.mkdir()
        audio.write(inputs / """a <b>&amp; "x" 'y' #1?q=%41 é 中.flac""", speech(20_000, 1), 16_000)
        audio.write(inputs / f"{'long' * 25}.wav", speech(44_100, 2, 22_050), 22_050)
        audio.write(inputs / "z.wav", speech(30_000, 3), 48_000)
        pretrained.save(models[0], *reversed(tiny))
        config = preset("tiny-25hz")
        params = jax.jit(model.init, static_argnums=1)(jax.random.key(1), config)
        pretrained.save(models[1], params, config)
        return build(top / "two" / "models", [inputs], models)

    def examples() -> Built:
        return build(top / "some" / "examples", [ROOT / "examples"], [pretrained.DEFAULT])

    def eval_clips() -> Built:
        sets = [sorted(folder.glob("*.flac")) for folder in sorted(EVAL.iterdir())]
        clips = [files[turn] for turn in range(2) for files in sets][:6]
        assert len(clips) == 6
        return build(top / "eval", clips, [pretrained.DEFAULT])

    made = {"two models": two_models, "examples": examples, "eval clips": eval_clips}
    return functools.cache(lambda name: made[name]())


def build(out: Path, inputs: list[Path], models: list[Path] | list[str]) -> Built:
    """Makes a page by the command, and computes anew what it must hold."""
    named = [part for name in models for part in ("--model", str(name))]
    assert cli.main(["page", *map(str, inputs), "--out", str(out), *named, "--metrics", ""]) == 0
    tokenizers = [AudioTokenizer.from_pretrained(m, devices=jax.devices()[:1]) for m in models]
    seconds, tokens = [], []
    for path in find(inputs, AUDIO_READ):
        wave, rate = audio.read(path)
        seconds += [len(wave) / rate] * (1 + len(models))
        tokens += [tokenizer.encode(wave, rate).tolist() for tokenizer in tokenizers]
    return Built(out, seconds, tokens)


@pytest.fixture(params=["two models", "examples", "eval clips"])
def built(request: Any, page: Any) -> Built:
    """Each of the pages."""
    if request.param == "eval clips" and not EVAL.is_dir():
        pytest.skip(f"no folder {EVAL}; name that of the eval set in AUDIOTOK_EVAL_DATA")
    return page(request.param)


@pytest.fixture(params=["file system", "server"])
def opened(request: Any, built: Built, top: Path, browser: Any, server: str) -> Iterator[Opened]:
    """Opens a page; at the end, nothing must have gone wrong or left the page."""
    base = top.as_uri() if request.param == "file system" else server
    base = f"{base}/{built.folder.relative_to(top).as_posix()}/"
    complaints: list[str] = []
    requests: list[str] = []
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.on("request", lambda request: requests.append(request.url))
        context.on("response", lambda found: found.ok or complaints.append(f"no {found.url}"))
        context.on("console", lambda message: complaints.append(message.text))
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        tab = context.new_page()
        tab.goto(f"{base}index.html")
        yield Opened(built, tab, requests)
        scroll_through(tab)
        broken = "[...document.images].filter((image) => !image.naturalWidth).map(({src}) => src)"
        assert tab.evaluate(broken) == []
    assert complaints == []
    assert [url for url in requests if not url.startswith(base)] == []
    paths = {url.removeprefix(base) for url in requests}
    assert {"index.html", "page.css", "page.js", "icon.svg", "scale.png"} <= paths


def scroll_through(tab: Any) -> None:
    """Shows all pictures, which are loaded when they come into sight."""
    for image in tab.locator("img").all():
        image.scroll_into_view_if_needed()
        image.evaluate("(image) => image.complete || new Promise((done) => image.onload = done)")


def open_blocks(tab: Any) -> list[Any]:
    """Opens all token blocks and waits for their tokens."""
    blocks = tab.locator("details").all()
    for block in blocks:
        block.locator("summary").click()
        playwright.expect(block.locator("button")).to_be_enabled()
    return blocks


def test_every_player_plays_and_one_at_a_time(opened: Opened) -> None:
    players = opened.tab.locator("audio").all()
    assert len(players) == len(opened.built.seconds)
    for player, seconds in zip(players, opened.built.seconds, strict=True):
        assert player.get_attribute("preload") == "metadata"
        duration = player.evaluate(
            """async (player) => {
              await player.play();
              while (player.currentTime < Math.min(0.1, player.duration / 2)) {
                await new Promise((next) => setTimeout(next, 10));
              }
              return player.duration;
            }"""
        )
        assert duration == pytest.approx(seconds, abs=0.01)
        sounding = "[...document.querySelectorAll('audio')].filter((player) => !player.paused)"
        assert opened.tab.evaluate(f"{sounding}.length") <= 1
    assert opened.token_scripts() == []


def test_blocks_open_with_the_tokens_of_encode_and_copy_them(opened: Opened) -> None:
    tab = opened.tab
    assert len(tab.locator("details").all()) == len(opened.built.tokens)
    assert opened.token_scripts() == []
    for block, tokens in zip(open_blocks(tab), opened.built.tokens, strict=True):
        text = block.locator("pre").text_content()
        assert re.fullmatch(r"tensor\(\[\[[\d,\s]+\]\]\)", text)
        assert [int(number) for number in re.findall(r"\d+", text)] == tokens
        block.get_by_role("button", name="Copy").click()
        playwright.expect(block.get_by_role("status")).to_have_text("Copied")
        tab.evaluate("document.body.append(document.createElement('textarea'))")
        tab.locator("textarea").focus()
        tab.keyboard.press("Control+V")
        assert tab.locator("textarea").input_value() == text
        tab.evaluate("document.querySelector('textarea').remove()")
    scripts = opened.token_scripts()
    assert len(scripts) == len(set(scripts)) == len(opened.built.tokens)


def test_narrow_and_wide_light_and_dark(opened: Opened) -> None:
    tab = opened.tab
    open_blocks(tab)
    for width in (320, 360, 800, 1280):
        tab.set_viewport_size({"width": width, "height": 800})
        sizes = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        assert tab.evaluate(sizes) == [width, width]
    seen = []
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        seen.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert tab.evaluate(LOW_CONTRAST) == []
    assert np.mean([int(c) for c in re.findall(r"\d+", seen[0])]) > 200
    assert np.mean([int(c) for c in re.findall(r"\d+", seen[1])]) < 50


# Texts below the contrast of 4.5 that WCAG 2.2 wants of level AA.
LOW_CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    const found = parse(getComputedStyle(element).backgroundColor);
    return found.length === 3 ? found : ground(element.parentElement);
  };
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.checkVisibility() && [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.data.trim()))
    .filter((element) => {
      const [a, b] = [parse(getComputedStyle(element).color), ground(element)].map(light);
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
    }).map((element) => element.outerHTML.slice(0, 200));
}"""


@pytest.mark.parametrize("built", ["two models"], indirect=True)
def test_by_keyboard_alone(opened: Opened) -> None:
    tab = opened.tab
    focused = "document.activeElement"

    def tab_to(selector: str) -> None:
        for _ in range(100):
            tab.keyboard.press("Tab")
            # Inside of a player the browser marks its own buttons.
            outline = f"getComputedStyle({focused}).outlineStyle"
            assert tab.evaluate(f"{focused}.matches('audio') || {outline} !== 'none'")
            if tab.evaluate(f"{focused}.matches('{selector}')"):
                return
        pytest.fail(f"Tab does not reach {selector}")

    tab.keyboard.press("Tab")
    skip = tab.get_by_role("link", name="Skip to the clips")
    playwright.expect(skip).to_be_focused()
    playwright.expect(skip).to_be_in_viewport()
    tab.keyboard.press("Enter")
    playwright.expect(tab.get_by_role("heading", name="Clips", exact=True)).to_be_focused()
    tab_to("audio")
    tab_to("a[download]")
    tab_to("summary")
    tab.keyboard.press("Enter")
    block = tab.locator("details").first
    playwright.expect(block.locator("button")).to_be_enabled()
    tab_to("button")
    tab.keyboard.press("Enter")
    playwright.expect(block.get_by_role("status")).to_have_text("Copied")
    tab_to("pre")


@pytest.mark.parametrize("built", ["two models"], indirect=True)
def test_what_a_screen_reader_says(opened: Opened) -> None:
    tab = opened.tab
    players = [player.get_attribute("aria-label") for player in tab.locator("audio").all()]
    pictures = [image.get_attribute("alt") for image in tab.locator("img").all()]
    assert len(set(players)) == len(players) == 9
    assert pictures[:9] == [f"Spectrogram: {player}" for player in players]
    links = [link.get_attribute("aria-label") for link in tab.locator("a[download]").all()]
    assert len(set(links)) == len(links) == 15
