"use strict";

// The common part of the blind tests: three steps, "setup", "trial" for each trial, and "results",
// one of which is shown; and answers that are kept until they are downloaded.
//
// The state of a test is { seed, listener, count, answers, ended } and the fields of its form. The
// seed alone determines the trials.
class BlindTest {
  state;
  #kept;
  #downloaded = false;

  constructor(kind) {
    this.#kept = new Answers(kind);
    this.state = this.#kept.get();
    const form = document.querySelector("#setup form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { listener, count, ...settings } = Object.fromEntries(new FormData(form));
      const common = { seed: freshSeed(), listener, count: Number(count), answers: [] };
      this.#turn({ ...settings, ...common, ended: false });
    });
    document.getElementById("download").addEventListener("click", () => {
      download(`${kind}.csv`, csv([this.header, ...this.rows()]));
      this.#kept.drop();
      this.#downloaded = true;
    });
    document.getElementById("again").addEventListener("click", () => {
      const question = "The answers were not downloaded, and will be gone.";
      if (!this.#downloaded && this.state.answers.length && !confirm(question)) return;
      this.#downloaded = false;
      this.#kept.drop();
      this.state = null;
      this.show();
    });
  }

  // Shows the current step.
  show(focus = true) {
    Player.current?.release();
    const { state } = this;
    const whole = state && state.answers.length >= state.count;
    const step = !state ? "setup" : state.ended || whole ? "results" : "trial";
    for (const section of document.querySelectorAll("main > section")) {
      section.hidden = section.id !== step;
    }
    const section = document.getElementById(step);
    if (step === "trial") this.#trial(section);
    if (step === "results") {
      document.getElementById("outcome").textContent = this.outcome(whole);
      document.querySelector("thead").replaceChildren(tableRow(this.tableHeader, "th"));
      document.querySelector("tbody").replaceChildren(...this.table().map((r) => tableRow(r)));
    }
    if (focus) section.querySelector("h2").focus(); // so that the keys work, and it is read out
  }

  // Adds the answer to the current trial, an object.
  answer(found) {
    const seconds = Number(((performance.now() - this.began) / 1000).toFixed(1));
    this.#turn({ ...this.state, answers: [...this.state.answers, { ...found, seconds }] });
  }

  #trial(section) {
    // Made anew, so that nothing of the previous trial is left.
    const { content } = document.getElementById("one-trial");
    section.replaceChildren(content.cloneNode(true));
    const number = this.state.answers.length;
    section.querySelector("h2").textContent = `Trial ${number + 1} of ${this.state.count}`;
    section.querySelector(".stop").addEventListener("click", () => {
      this.#turn({ ...this.state, ended: true });
    });
    this.began = performance.now();
    this.trial(section.firstElementChild, number);
  }

  #turn(state) {
    this.state = state;
    this.#kept.set(state);
    this.show();
  }
}
