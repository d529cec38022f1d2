"use strict";

// MUSHRA (ITU-R BS.1534): several sounds without their names, the reference and an anchor among
// them, each rated from 0 to 100 against the reference.
class Mushra extends BlindTest {
  header = ["listener", "trial", "clip", "sound", "condition", "score", "seconds"];
  tableHeader = ["Sound", "Mean", "Ratings"];
  conditions = ["reference", ...PAGE.columns.slice(1), "anchor 3.5 kHz"];

  constructor() {
    super("mushra");
  }

  // { clip, order } for each trial: the number of the clip, and those of the conditions.
  plan() {
    const { seed, count } = this.state;
    const random = generator(seed);
    const clips = shuffled([...PAGE.clips.keys()], random).slice(0, count);
    return clips.map((clip) => ({ clip, order: shuffled([...this.conditions.keys()], random) }));
  }

  trial(scope, number) {
    const { clip, order } = this.plan()[number];
    const { name, sounds, anchor, seconds } = PAGE.clips[clip];
    scope.querySelector(".name").textContent = name;
    const all = [...sounds, anchor];
    const player = new Player([sounds[0], ...order.map((condition) => all[condition])], seconds);
    const names = order.map((_, i) => `Sound ${i + 1}`);
    const transport = scope.querySelector(".bar");
    new Transport(transport, player, ["Reference", ...names], scope, 0);
    const sliders = names.map((label, i) => this.#slider(scope, label, i, player));
    scope.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      sliders[Number.parseInt(event.key, 10) - 1]?.focus(); // the transport chooses its sound
    });
    const missing = scope.querySelector(".missing");
    scope.querySelector(".next").addEventListener("click", () => {
      const unrated = sliders.filter((slider) => !slider.dataset.rated);
      if (unrated.length) {
        missing.textContent = `Not rated yet: ${unrated.map(({ name }) => name).join(", ")}.`;
        unrated[0].focus();
      } else {
        this.answer({ scores: sliders.map(({ value }) => Number(value)) });
      }
    });
  }

  #slider(scope, name, number, player) {
    const { content } = document.getElementById("one-rating");
    const row = content.cloneNode(true).firstElementChild;
    const slider = row.querySelector("input");
    const value = row.querySelector(".value");
    slider.name = name;
    row.querySelector(".label").textContent = name;
    slider.addEventListener("focus", () => player.choose(number + 1));
    slider.addEventListener("input", () => {
      const word = ["bad", "poor", "fair", "good", "excellent"][Math.min(slider.value / 20 | 0, 4)];
      slider.dataset.rated = true;
      value.textContent = slider.value;
      slider.setAttribute("aria-valuetext", `${slider.value}, ${word}`);
    });
    player.addEventListener("change", () => {
      row.classList.toggle("chosen", player.chosen === number + 1);
    });
    scope.querySelector(".ratings").append(row);
    return slider;
  }

  rows() {
    const plan = this.plan();
    return this.state.answers.flatMap(({ scores, seconds }, number) => {
      const { clip, order } = plan[number];
      return scores.map((score, i) => [
        this.state.listener, number + 1, PAGE.clips[clip].name,
        i + 1, this.conditions[order[i]], score, seconds,
      ]);
    });
  }

  table() {
    return this.conditions.map((condition) => {
      const scores = this.rows().filter((row) => row[4] === condition).map((row) => row[5]);
      return [condition, scores.length ? mean(scores).toFixed(1) : "–", scores.length];
    });
  }

  outcome() {
    const { answers } = this.state;
    const low = this.rows().filter((row) => row[4] === "reference" && row[5] < 90).length;
    return `The hidden reference got less than 90 in ${low} of ${answers.length} trials; `
      + "ITU-R BS.1534 excludes listeners for whom this is more than 15 %.";
  }
}

new Mushra().show(false);
