"use strict";

// The controls of a player, made from the template of the page, and its keyboard shortcuts.
class Transport {
  static STEP = 0.5; // seconds, for an arrow key

  #player;
  #names;
  #parts;
  #versions;
  #first;

  // place: element for the controls; names: of the sounds; scope: element in which the keys work
  // while the focus is in it; first: the digit that chooses the first sound.
  constructor(place, player, names, scope, first = 1) {
    this.#player = player;
    this.#names = names;
    this.#first = first;
    place.append(document.getElementById("transport").content.cloneNode(true));
    const part = (name) => place.querySelector(`.${name}`);
    this.#parts = {
      play: part("play"), place: part("place"), time: part("time"),
      loop: part("loop"), from: part("loop-from"), to: part("loop-to"), failed: part("failed"),
      said: part("said"),
    };
    this.#versions = names.map((name, number) => this.#version(name, number));
    part("versions").append(...this.#versions);

    const { play, loop, from, to, place: slider } = this.#parts;
    slider.max = player.seconds;
    play.addEventListener("click", () => this.#toggle());
    slider.addEventListener("input", () => player.seek(Number(slider.value)));
    loop.addEventListener("click", () => {
      player.select(player.selection ? null : { from: 0, to: player.seconds });
    });
    from.addEventListener("click", () => this.#bound("from"));
    to.addEventListener("click", () => this.#bound("to"));
    scope.addEventListener("keydown", (event) => this.#key(event));
    player.addEventListener("change", () => this.#show());
    player.addEventListener("time", () => this.#showTime());
    player.addEventListener("failed", () => this.#parts.failed.textContent = player.message);
    this.#show();
  }

  #version(name, number) {
    const button = document.createElement("button");
    const key = document.createElement("kbd");
    const digit = number + this.#first;
    if (digit < 10) {
      key.textContent = digit;
      button.setAttribute("aria-keyshortcuts", digit);
    }
    button.type = "button";
    button.append(key, ` ${name}`);
    button.addEventListener("click", () => this.#player.choose(number));
    return button;
  }

  // By a key: the focus is elsewhere, so a screen reader is told what is heard now.
  #choose(number) {
    this.#player.choose(number);
    this.#parts.said.textContent = this.#names[number];
  }

  #toggle() {
    this.#parts.failed.textContent = "";
    if (this.#player.playing) this.#player.pause();
    else this.#player.play();
  }

  // The selection begins or ends here.
  #bound(which) {
    const { selection, seconds, time } = this.#player;
    const bounds = { from: 0, to: seconds, ...selection, [which]: time };
    if (bounds.to - bounds.from < 0.05) return; // less is no sound but a buzz
    this.#player.select(bounds);
  }

  #key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (target.matches("input:not([type=range]), select, textarea")) return;
    const player = this.#player;
    const number = Number.parseInt(key, 10) - this.#first;
    const elsewhere = target.matches("input") && target !== this.#parts.place;
    if (number >= 0 && number < this.#versions.length) this.#choose(number);
    else if (key === "p" || (key === " " && !target.matches("button, summary, a"))) this.#toggle();
    else if (key === "ArrowLeft" && !elsewhere) player.seek(player.time - Transport.STEP);
    else if (key === "ArrowRight" && !elsewhere) player.seek(player.time + Transport.STEP);
    else if (key === "l") this.#parts.loop.click();
    else if (key === "[") this.#bound("from");
    else if (key === "]") this.#bound("to");
    else return;
    event.preventDefault();
  }

  #show() {
    const { play, loop, place } = this.#parts;
    const player = this.#player;
    play.textContent = player.playing ? "Pause" : "Play";
    loop.setAttribute("aria-pressed", player.selection !== null);
    this.#versions.forEach((button, number) => {
      button.setAttribute("aria-pressed", number === player.chosen);
      // On a phone they are a row that is scrolled.
      const row = button.parentElement;
      if (number === player.chosen) row.scrollLeft = button.offsetLeft - row.clientWidth / 3;
    });
    // Not with the time, or a screen reader would read it out without end.
    place.setAttribute("aria-valuetext", `${player.time.toFixed(1)} seconds`);
    this.#showTime();
  }

  #showTime() {
    const { place, time } = this.#parts;
    place.value = this.#player.time;
    time.textContent = `${this.#player.time.toFixed(1)} / ${this.#player.seconds.toFixed(1)} s`;
  }
}
