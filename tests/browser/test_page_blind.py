"""Blind tests of a page in headless Chromium: listeners with a keyboard alone, and their CSV."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = [
    pytest.mark.parametrize("built", ["two models"], indirect=True),
    pytest.mark.parametrize("opened", ["file system"], indirect=True),
]

# A listener hears only what comes out: of the nodes that sound, the samples of the one whose gain
# is not zero, whatever the page calls it.
EARS = """(() => {
  const { connect } = AudioNode.prototype;
  const { stop } = AudioScheduledSourceNode.prototype;
  const sources = new Map();
  window.voices = [];
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof GainNode) sources.set(to, this);
    else voices.push({ source: sources.get(this), gain: this.gain });
    return connect.call(this, to, ...rest);
  };
  AudioScheduledSourceNode.prototype.stop = function (...rest) {
    voices = voices.filter(({ source }) => source !== this);
    return stop.apply(this, rest);
  };
})();"""


def listen(opened: Any, key: str) -> str:
    """Switches to a sound by its key, and hears it, a digest of its samples."""
    tab = opened.tab
    tab.keyboard.press(key)
    pressed = tab.locator(f".versions button[aria-pressed=true][aria-keyshortcuts='{key}']")
    playwright.expect(pressed).to_have_count(1)
    # It takes some milliseconds, in which the one before is heard, too.
    index = pressed.evaluate("(button) => [...button.parentElement.children].indexOf(button)")
    opened.until(f"voices.every(({{gain}}, i) => (gain.value > 0.001) === (i === {index}))")
    return tab.evaluate(
        """() => {
          const [{ source }] = voices.filter(({ gain }) => gain.value > 0.001);
          return source.buffer.getChannelData(0).slice(0, 4000).join();
        }"""
    )


def tab_to(tab: Any, selector: str) -> None:
    """Presses Tab until it is there."""
    for _ in range(60):
        tab.keyboard.press("Tab")
        if tab.evaluate(f"document.activeElement.matches('{selector}')"):
            return
    pytest.fail(f"Tab does not reach {selector}")


def start(opened: Any, name: str, listener: str, count: int) -> Any:
    """Opens a test and starts it, by keys alone."""
    tab = opened.tab
    tab.add_init_script(EARS)
    opened.go(name)
    tab_to(tab, "[name=listener]")
    tab.keyboard.type(listener)
    tab_to(tab, "[name=count]")
    tab.keyboard.press("Control+A")
    tab.keyboard.type(str(count))
    tab_to(tab, "[type=submit]")
    tab.keyboard.press("Enter")
    playwright.expect(tab.locator(".trial h2")).to_be_focused()
    return tab


def downloaded(tab: Any) -> tuple[str, list[dict[str, str]]]:
    """Downloads the CSV by keys alone: its name and its rows."""
    tab_to(tab, "#download")
    with tab.expect_download() as waiting:
        tab.keyboard.press("Enter")
    text = waiting.value.path().read_bytes().decode()
    assert text.count("\r\n") == text.count("\n")
    return waiting.value.suggested_filename, list(csv.DictReader(io.StringIO(text, newline="")))


def stored(tab: Any) -> int:
    """How many tests the browser keeps."""
    return tab.evaluate("localStorage.length")


def test_abx_by_keyboard_alone(opened: Any) -> None:
    trials, wrong = 7, {2, 5}
    tab = start(opened, "abx.html#seed=7", 'Ann, "x"', trials)
    heard = []
    for trial in range(1, trials + 1):
        playwright.expect(tab.locator(".trial h2")).to_have_text(f"Trial {trial} of {trials}")
        clip = tab.locator(".trial .name").text_content()
        tab.keyboard.press("l")  # again and again, however slow this machine is
        tab.keyboard.press("Space")
        opened.until("voices.length && Player.current.time > 0")
        a, b, x = (listen(opened, key) for key in "123")
        assert a != b and x in (a, b)
        heard.append((clip, "a" if x == a else "b"))
        if trial == 4:  # a reload loses nothing
            tab.reload()
            playwright.expect(tab.locator(".trial h2")).to_have_text(f"Trial 4 of {trials}")
            tab_to(tab, "button.play")
        tab.keyboard.press("ab"[(heard[-1][1] == "b") ^ (trial in wrong)])
    outcome = tab.locator("#outcome").text_content()
    playwright.expect(tab.locator("#results h2")).to_be_focused()
    right = trials - len(wrong)
    p = sum(math.comb(trials, k) for k in range(right, trials + 1)) / 2**trials
    names = opened.built.sounds
    assert f"A was {names[0]}, B {names[1]}: {right} of {trials} right, p = {p:.2g}" in outcome
    assert stored(tab) == 1
    name, rows = downloaded(tab)
    assert name == "abx.csv" and stored(tab) == 0
    assert len(rows) == trials
    for number, (row, (clip, x)) in enumerate(zip(rows, heard, strict=True), 1):
        assert float(row.pop("seconds")) >= 0
        answer = x if number not in wrong else "ab"[x == "a"]
        assert row == {
            **{"listener": 'Ann, "x"', "trial": str(number), "clip": clip},
            **{"a": names[0], "b": names[1], "x": x, "answer": answer},
            "right": str(int(number not in wrong)),
        }
    # Both answers are asked for, and all clips come before one comes again.
    assert {x for _, x in heard} == {"a", "b"}
    assert len({clip for clip, _ in heard[:3]}) == 3

    tab_to(tab, "#again")
    tab.keyboard.press("Enter")
    playwright.expect(tab.locator("#setup")).to_be_visible()


def test_abx_that_is_ended_early_has_no_p(opened: Any) -> None:
    tab = start(opened, "abx.html#seed=1", "", 9)
    tab.keyboard.press("a")
    tab.keyboard.press("Control+a")  # of the browser, and no answer
    playwright.expect(tab.locator(".trial h2")).to_have_text("Trial 2 of 9")
    tab_to(tab, "button.stop")
    tab.keyboard.press("Enter")
    assert "of 1 right. The test was ended early" in tab.locator("#outcome").text_content()
    said = []
    tab.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    tab.get_by_role("button", name="New test").click()
    assert "not downloaded" in said[0] and tab.locator("#results").is_visible()
    assert len(downloaded(tab)[1]) == 1
    tab.get_by_role("button", name="New test").click()
    assert len(said) == 1 and tab.locator("#setup").is_visible()


def test_mushra_by_keyboard_alone(opened: Any) -> None:
    clips = 2
    tab = start(opened, "mushra.html#seed=5", "7", clips)
    expected, orders = [], []
    for trial in range(1, clips + 1):
        playwright.expect(tab.locator(".trial h2")).to_have_text(f"Trial {trial} of {clips}")
        name = tab.locator(".trial .name").text_content()
        tab.keyboard.press("l")
        tab.keyboard.press("Space")
        opened.until("voices.length && Player.current.time > 0")
        reference, *sounds = (listen(opened, key) for key in "012345")
        orders.append([sound == reference for sound in sounds])
        for number, keys in enumerate((["Home"], ["End"], ["PageUp"], ["ArrowLeft"]), 1):
            tab.keyboard.press(str(number))
            for key in keys:
                tab.keyboard.press(key)
        tab_to(tab, "button.next")
        tab.keyboard.press("Enter")
        missing = tab.locator(".missing")
        playwright.expect(missing).to_have_text("Not rated yet: Sound 5.")
        tab.keyboard.press("ArrowUp")  # the slider of it has the focus
        assert tab.evaluate("document.activeElement.getAttribute('aria-valuetext')") == "51, fair"
        tab_to(tab, "button.next")
        tab.keyboard.press("Enter")
        expected += [(trial, name, i, score) for i, score in enumerate((0, 100, 60, 49, 51), 1)]
    file, rows = downloaded(tab)
    assert file == "mushra.csv" and stored(tab) == 0
    found = [(int(r["trial"]), r["clip"], int(r["sound"]), int(r["score"])) for r in rows]
    assert found == expected and {row["listener"] for row in rows} == {"7"}
    conditions = ["reference", *opened.built.sounds[1:], "anchor 3.5 kHz"]
    for trial in range(clips):
        of_trial = rows[5 * trial :][:5]
        assert sorted(row["condition"] for row in of_trial) == sorted(conditions)
        for row, same in zip(of_trial, orders[trial], strict=True):
            # PCM of a clip of 16 kHz is the same, too.
            assert (
                same if row["condition"] == "reference" else not same or row["condition"] == "pcm"
            )
    table = tab.locator("tbody tr").all_text_contents()
    for line, condition in zip(table, conditions, strict=True):
        scores = [int(row["score"]) for row in rows if row["condition"] == condition]
        assert line == f"{condition}{np.mean(scores):.1f}{len(scores)}"


def test_chances_shuffles_and_csv(opened: Any) -> None:
    tab = opened.tab
    opened.go("abx.html")
    for trials in (1, 16, 100):
        found = tab.evaluate(f"[...Array({trials} + 1).keys()].map((k) => chance(k, {trials}))")
        tails = [
            sum(math.comb(trials, k) for k in range(right, trials + 1)) / 2**trials
            for right in range(trials + 1)
        ]
        np.testing.assert_allclose(found, tails, rtol=1e-9)
    drawn = tab.evaluate(
        """() => {
          const random = generator(3);
          return [...Array(6000)].map(() => shuffled([0, 1, 2], random).join(""));
        }"""
    )
    counts = np.unique(drawn, return_counts=True)[1]
    assert len(counts) == 6 and (np.abs(counts - 1000) < 150).all()
    assert tab.evaluate("[generator(9)(1000), generator(9)(1000), generator(8)(1000)]")[0] == (
        tab.evaluate("generator(9)(1000)")
    )
    rows = [["a,b", 'say "x"', "two\nlines"], ["中", "1", ""]]
    text = tab.evaluate("(rows) => csv(rows)", rows)
    assert list(csv.reader(io.StringIO(text, newline=""))) == rows
