"""Opens the listening page and the summary in headless Chromium, from the disk and a server."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
PAGES = ("summary.html", "abx.html", "mushra.html")


def heard(tab: Any) -> Any:
    """What the player of now plays: its place, whether it plays, which sound, and all gains."""
    return tab.evaluate(
        "(({time, playing, chosen, selection}) => ({time, playing, chosen, selection}))"
        "(Player.current)"
    )


def test_every_clip_plays_and_one_at_a_time(opened: Any) -> None:
    tab, built = opened.tab, opened.built
    clips = tab.locator("article").all()
    assert len(clips) == len(built.seconds)
    assert opened.scripts("flac") == opened.scripts("tokens") == []
    for clip, seconds in zip(clips, built.seconds, strict=True):
        names = clip.locator(".versions button").all_text_contents()
        expected = [f"{number} {name}" for number, name in enumerate(built.sounds, 1)]
        assert [name.strip() for name in names] == expected
        clip.get_by_role("button", name="Play", exact=True).click()
        opened.until("Player.current?.time > 0")
        assert clip.locator(".place").evaluate("({max}) => Number(max)") == pytest.approx(
            seconds, abs=0.01
        )
        assert tab.get_by_role("button", name="Pause", exact=True).count() <= 1
    # Each sound of the clips that played, and none twice.
    scripts = opened.scripts("flac")
    assert len(scripts) == len(set(scripts)) == len(built.sounds) * len(built.seconds)


@pytest.mark.parametrize("built", ["two models"], indirect=True)
def test_sounds_switch_at_the_same_place_and_loop(opened: Any) -> None:
    tab = opened.tab
    # What comes out of each gain is asked of the nodes themselves.
    tab.evaluate(
        """() => {
          const connect = AudioNode.prototype.connect;
          window.gains = [];
          AudioNode.prototype.connect = function (to, ...rest) {
            if (this instanceof GainNode && to instanceof AudioDestinationNode) gains.push(this);
            return connect.call(this, to, ...rest);
          };
        }"""
    )
    loud = "gains.slice(-4).map(({gain}) => gain.value > 0.001)"
    clip = tab.locator("article").first
    clip.get_by_role("button", name="Play", exact=True).click()
    tab.keyboard.press("[")  # at the start: all of it again and again
    opened.until("Player.current?.time > 0")
    started = tab.evaluate("gains.length")
    for key in "3421":
        tab.keyboard.press(key)
        opened.until(f"Player.current.chosen === {int(key) - 1}")
        expected = [str(number == key).lower() for number in "1234"]
        opened.until(f"String({loud}) === '{','.join(expected)}'")
        assert clip.locator(".said").text_content() == opened.built.sounds[int(key) - 1]
        marked = clip.locator(".column.chosen h4").all_text_contents()
        assert marked == [opened.built.sounds[int(key) - 1]]
    assert tab.evaluate("gains.length") == started  # none of them had to start anew
    assert heard(tab)["playing"] and heard(tab)["selection"]["from"] < heard(tab)["selection"]["to"]
    matched = "10 ** (PAGE.clips[0].sounds[0].gain / 20)"
    opened.until(f"Math.abs(gains.at(-4).gain.value - {matched}) < 0.001")
    tab.get_by_label("equally loud").uncheck()
    opened.until("Math.abs(gains.at(-4).gain.value - 1) < 0.001")
    clip.get_by_role("button", name="Pause", exact=True).click()
    assert not heard(tab)["playing"]


@pytest.mark.parametrize("built", ["two models"], indirect=True)
def test_spectrograms_are_clicked_and_dragged_and_tokens_follow(opened: Any) -> None:
    tab, built = opened.tab, opened.built
    clip = tab.locator("article").first
    picture = clip.locator(".picture").nth(2)
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    clip.get_by_role("button", name="Play", exact=True).click()
    opened.until("Player.current?.time > 0")
    clip.get_by_role("button", name="Pause", exact=True).click()
    picture.click(position={"x": box["width"] * 0.6, "y": 20})
    seconds, rate = built.seconds[0], 25
    found = heard(tab)
    assert found["chosen"] == 2 and found["time"] == pytest.approx(0.6 * seconds, abs=0.02)
    at = clip.evaluate("(clip) => Number(clip.style.getPropertyValue('--at'))")
    assert at == pytest.approx(found["time"] / seconds, abs=1e-3)

    strip = clip.locator(".strip").nth(1)
    place = int(found["time"] * rate)
    playwright.expect(strip.locator(".now")).to_have_text(str(built.tokens[1][place]))
    playwright.expect(strip.locator(".number")).to_have_text(
        f"token {place + 1} of {len(built.tokens[1])}"
    )
    tab.keyboard.press("ArrowLeft")
    playwright.expect(strip.locator(".now")).to_have_text(
        str(built.tokens[1][int((found["time"] - 0.5) * rate)])
    )

    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 30)
    tab.mouse.up()
    selection = heard(tab)["selection"]
    assert selection["from"] == pytest.approx(0.25 * seconds, abs=0.02)
    assert selection["to"] == pytest.approx(0.75 * seconds, abs=0.02)
    assert selection["from"] <= heard(tab)["time"] < selection["to"]
    assert clip.locator(".selection").first.is_visible()
    tab.keyboard.press("l")
    assert heard(tab)["selection"] is None
    assert not clip.locator(".selection").first.is_visible()


@pytest.mark.parametrize("built", ["two models"], indirect=True)
def test_the_summary_plays_and_sorts(opened: Any) -> None:
    tab = opened.tab
    opened.go("summary.html")
    row = tab.locator("tbody tr").nth(1)
    row.get_by_role("button").nth(2).click()
    opened.until("Player.current?.time > 0")
    assert heard(tab)["chosen"] == 2
    row.get_by_role("button").nth(0).click()  # the same clip goes on with another sound
    assert heard(tab)["chosen"] == 0 and heard(tab)["time"] > 0
    pressed = tab.locator("button[aria-pressed=true]")
    playwright.expect(pressed).to_have_count(1)
    pressed.click()
    playwright.expect(pressed).to_have_count(0)

    for order in ("ascending", "descending"):
        tab.get_by_role("button", name="Seconds").click()
        head = tab.locator("th", has=tab.get_by_role("button", name="Seconds"))
        assert head.get_attribute("aria-sort") == order
        values = [float(text) for text in tab.locator("tbody td:nth-child(2)").all_text_contents()]
        assert values == sorted(values, reverse=order == "descending")


def open_blocks(tab: Any) -> list[Any]:
    """Opens all token blocks and waits for their tokens."""
    blocks = tab.locator("details").all()
    for block in blocks:
        block.locator("summary").click()
        playwright.expect(block.locator("button")).to_be_enabled()
    return blocks


def test_blocks_open_with_the_tokens_of_encode_and_copy_them(opened: Any) -> None:
    tab = opened.tab
    assert len(tab.locator("details").all()) == len(opened.built.tokens)
    assert opened.scripts("tokens") == []
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
    scripts = opened.scripts("tokens")
    assert len(scripts) == len(set(scripts)) == len(opened.built.tokens)


def test_narrow_and_wide_light_and_dark(opened: Any) -> None:
    tab = opened.tab
    open_blocks(tab)
    seen = []
    for name in ("", *PAGES):
        if name:
            opened.go(name)
        if name in ("abx.html", "mushra.html"):
            tab.get_by_role("button", name="Start").click()
        for width in (320, 360, 800, 1280):
            tab.set_viewport_size({"width": width, "height": 800})
            sizes = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            assert tab.evaluate(sizes) == [width, width], name
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            seen.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert tab.evaluate(LOW_CONTRAST) == [], name
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
def test_by_keyboard_alone(opened: Any) -> None:
    tab = opened.tab
    focused = "document.activeElement"

    def tab_to(selector: str) -> None:
        for _ in range(100):
            tab.keyboard.press("Tab")
            assert tab.evaluate(f"getComputedStyle({focused}).outlineStyle") != "none"
            if tab.evaluate(f"{focused}.matches('{selector}')"):
                return
        pytest.fail(f"Tab does not reach {selector}")

    tab.keyboard.press("Tab")
    skip = tab.get_by_role("link", name="Skip to the clips")
    playwright.expect(skip).to_be_focused()
    playwright.expect(skip).to_be_in_viewport()
    tab.keyboard.press("Enter")
    playwright.expect(tab.get_by_role("heading", name="Clips", exact=True)).to_be_focused()
    tab_to("button.play")
    tab.keyboard.press("Space")
    opened.until("Player.current?.time > 0")
    tab.keyboard.press("2")
    assert heard(tab)["chosen"] == 1
    tab.keyboard.press("p")
    assert not heard(tab)["playing"]
    tab_to("input.place")
    tab.keyboard.press("ArrowRight")
    assert heard(tab)["time"] > 0.4
    tab_to("button.loop-to")
    tab.keyboard.press("Enter")
    assert heard(tab)["selection"]["from"] == 0
    tab_to("a[download]")
    tab_to("summary")
    tab.keyboard.press("Enter")
    block = tab.locator("details").first
    playwright.expect(block.locator("button")).to_be_enabled()
    tab_to("details button")
    tab.keyboard.press("Enter")
    playwright.expect(block.get_by_role("status")).to_have_text("Copied")
    tab_to("pre")


@pytest.mark.parametrize("built", ["two models"], indirect=True)
def test_what_a_screen_reader_says(opened: Any) -> None:
    tab = opened.tab
    pictures = [image.get_attribute("alt") for image in tab.locator("img").all()]
    assert len(set(pictures[:12])) == 12
    assert all(text.startswith("Spectrogram: ") for text in pictures[:12])
    links = [link.get_attribute("aria-label") for link in tab.locator("a[download]").all()]
    assert len(set(links)) == len(links) == 18
    bars = [bar.get_attribute("aria-label") for bar in tab.locator(".bar").all()]
    assert len(set(bars)) == len(bars) == 3
    clip = tab.locator("article").first
    first, second = (clip.locator(".versions button").nth(number) for number in (0, 1))
    assert [b.get_attribute("aria-pressed") for b in (first, second)] == ["true", "false"]
    second.click()
    assert [b.get_attribute("aria-pressed") for b in (first, second)] == ["false", "true"]
    clip.locator(".place").press("ArrowRight")
    assert clip.locator(".place").get_attribute("aria-valuetext") == "0.5 seconds"
