"use strict";

// All tokens of a sound, to be copied, in a block that loads them when it is opened.
function openTokens(block, url) {
  const button = block.querySelector("button");
  const status = block.querySelector("[role=status]");
  const text = block.querySelector("pre");
  button.addEventListener("click", async () => {
    status.textContent = "";
    status.textContent = (await copy(text)) ? "Copied" : "Selected: copy with Ctrl+C";
  });
  block.addEventListener("toggle", () => load(url).then((tokens) => {
    text.textContent = tokens;
    button.disabled = false;
  }, (error) => {
    text.textContent = error.message;
  }), { once: true });
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch { // over plain http, where there is no such clipboard
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}

// The tokens around the current position, the current one in the middle.
class TokenStrip {
  static AROUND = 4; // tokens on either side

  #cells = [];
  #number; // of the token, and how many there are
  #tokens = null;
  #shown = -1;

  // rate: tokens in a second.
  constructor(strip, player, url, rate) {
    for (let i = -TokenStrip.AROUND; i <= TokenStrip.AROUND; i++) {
      const cell = document.createElement("span");
      if (i === 0) cell.className = "now";
      this.#cells.push(cell);
    }
    this.#number = document.createElement("span");
    this.#number.className = "number";
    const row = document.createElement("span");
    row.className = "row";
    row.append(...this.#cells);
    strip.append(row, this.#number);
    // Loaded when the position changes for the first time: a page may have very many.
    player.addEventListener("time", () => {
      load(url).then((text) => {
        this.#tokens = text.match(/\d+/g);
        const show = () => this.#show(Math.floor(player.time * rate));
        player.addEventListener("time", show);
        show();
      }, () => {}); // the block of tokens shows the error
    }, { once: true });
  }

  #show(place) {
    const now = Math.min(place, this.#tokens.length - 1);
    if (now === this.#shown) return;
    this.#shown = now;
    this.#cells.forEach((cell, i) => {
      cell.textContent = this.#tokens[now + i - TokenStrip.AROUND] ?? "";
    });
    this.#number.textContent = `token ${now + 1} of ${this.#tokens.length}`;
  }
}
