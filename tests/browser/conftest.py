"""Pages of `audiotok page`, and headless Chromium that opens them.

Tests are skipped where there is no Chromium (Debian package `chromium`) or no Playwright (extra
`test`).
"""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import jax
import pytest

from audiotok_jax import AudioTokenizer, audio, cli, preset, pretrained
from audiotok_jax.codec import model
from audiotok_jax.files import find
from audiotok_jax.formats import AUDIO_READ

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
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
    """A page and what it must hold: names of its sounds, seconds of clips, tokens of blocks."""

    folder: Path
    sounds: list[str]
    seconds: list[float]
    tokens: list[list[int]]


class Opened(NamedTuple):
    """A page in the browser, and what it asked for since it was opened."""

    built: Built
    tab: Any
    requests: list[str]

    def scripts(self, kind: str) -> list[str]:
        """The scripts in clips/ that were asked for, of "tokens" or "flac"."""
        return [url for url in self.requests if url.endswith(f".{kind}.js")]

    def until(self, condition: str) -> None:
        """Waits until a condition is true of the page, whose policy forbids `wait_for_function`."""
        self.tab.evaluate(
            f"""() => new Promise((done, fail) => {{
              const end = performance.now() + 30_000;
              const look = () => {{
                if ({condition}) done();
                else if (performance.now() > end) fail(new Error("never came true"));
                else setTimeout(look, 10);
              }};
              look();
            }})"""
        )

    def go(self, name: str) -> None:
        """Opens another one of its pages."""
        self.tab.goto(self.tab.url.rpartition("/")[0] + f"/{name}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    return CHROMIUM


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=OPTIONS)
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
        return build(top / "two" / "models", [inputs], models, ["pcm"])

    def examples() -> Built:
        return build(top / "some" / "examples", [ROOT / "examples"], [pretrained.DEFAULT])

    def eval_clips() -> Built:
        sets = [sorted(folder.glob("*.flac")) for folder in sorted(EVAL.iterdir())]
        clips = [files[turn] for turn in range(2) for files in sets][:6]
        assert len(clips) == 6
        return build(top / "eval", clips, [pretrained.DEFAULT])

    made = {"two models": two_models, "examples": examples, "eval clips": eval_clips}
    return functools.cache(lambda name: made[name]())


def build(
    out: Path, inputs: list[Path], models: list[Path] | list[str], codecs: Sequence[str] = ()
) -> Built:
    """Makes a page by the command, and computes anew what it must hold."""
    named = [part for name in models for part in ("--model", str(name))]
    named += [part for spec in codecs for part in ("--codec", spec)]
    assert cli.main(["page", *map(str, inputs), "--out", str(out), *named, "--metrics", ""]) == 0
    tokenizers = [AudioTokenizer.from_pretrained(m, devices=jax.devices()[:1]) for m in models]
    seconds, tokens = [], []
    for path in find(inputs, AUDIO_READ):
        wave, rate = audio.read(path)
        seconds.append(len(wave) / rate)
        tokens += [tokenizer.encode(wave, rate).tolist() for tokenizer in tokenizers]
    return Built(out, ["Original", *map(str, models), *codecs], seconds, tokens)


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
        context.on("response", lambda it: it.status < 400 or complaints.append(f"no {it.url}"))
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
    assert {"index.html", "page.css", "listen.js", "icon.svg", "scale.png"} <= paths


def scroll_through(tab: Any) -> None:
    """Shows all pictures, which are loaded when they come into sight."""
    for image in tab.locator("img").all():
        image.scroll_into_view_if_needed()
        image.evaluate("(image) => image.complete || new Promise((done) => image.onload = done)")
