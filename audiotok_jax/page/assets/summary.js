"use strict";

// The summary: a row for each clip, whose buttons switch between its sounds, and columns to sort by.

const body = document.querySelector("tbody");
const failure = document.querySelector("[role=status]");

[...body.rows].forEach((row, number) => {
  const { name, sounds, seconds } = PAGE.clips[number];
  const player = new Player(sounds, seconds);
  const buttons = [...row.querySelectorAll("button")];
  buttons.forEach((button, version) => button.addEventListener("click", () => {
    const heard = player.playing && player.chosen === version;
    player.choose(version);
    if (heard) player.pause();
    else player.play();
  }));
  player.addEventListener("change", () => buttons.forEach((button, version) => {
    const heard = player.playing && player.chosen === version;
    button.setAttribute("aria-pressed", heard);
    button.textContent = heard ? "❚❚" : "▶\ufe0e";
  }));
  player.addEventListener("failed", () => failure.textContent = `${name}: ${player.message}`);
});

document.querySelectorAll("th > button.sort").forEach((button) => {
  const head = button.parentElement;
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    document.querySelectorAll("th[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => row.cells[Number(button.dataset.cell)].dataset.value;
    // Texts that are numbers are compared as numbers; what has no value comes last.
    body.append(...[...body.rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = Number.isNaN(Number(x)) ? x.localeCompare(y) : Number(x) - Number(y);
      return down ? -order : order;
    }));
  });
});
