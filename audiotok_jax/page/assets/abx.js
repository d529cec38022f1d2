"use strict";

// ABX: X is A or B, and the listener says which.
class Abx extends BlindTest {
  header = ["listener", "trial", "clip", "a", "b", "x", "answer", "right", "seconds"];
  tableHeader = ["Trial", "Clip", "X was", "Answer"];

  constructor() {
    super("abx");
  }

  // { clip, x } for each trial: the number of the clip, and "a" or "b".
  plan() {
    const { seed, clip, count } = this.state;
    const random = generator(seed);
    const clips = clip === "all" ? [...PAGE.clips.keys()] : [Number(clip)];
    const order = [];
    while (order.length < count) order.push(...shuffled(clips, random));
    return order.slice(0, count).map((clip) => ({ clip, x: "ab"[random(2)] }));
  }

  trial(scope, number) {
    const { a, b } = this.state;
    const { clip, x } = this.plan()[number];
    const { name, sounds, seconds } = PAGE.clips[clip];
    scope.querySelector(".name").textContent = name;
    const tracks = [sounds[a], sounds[b], x === "a" ? sounds[a] : sounds[b]];
    const player = new Player(tracks, seconds);
    new Transport(scope.querySelector(".bar"), player, ["A", "B", "X"], scope);
    for (const button of scope.querySelectorAll("[data-answer]")) {
      const give = () => this.answer({ answer: button.dataset.answer });
      button.addEventListener("click", give);
      scope.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
        if (event.key.toLowerCase() === button.dataset.answer) give();
      });
    }
  }

  rows() {
    const { listener, a, b, answers } = this.state;
    const plan = this.plan();
    const [first, second] = [PAGE.columns[a], PAGE.columns[b]];
    return answers.map(({ answer, seconds }, number) => {
      const { clip, x } = plan[number];
      const right = Number(answer === x);
      const where = [listener, number + 1, PAGE.clips[clip].name];
      return [...where, first, second, x, answer, right, seconds];
    });
  }

  table() {
    return this.rows().map(([, trial, clip, , , x, answer, right]) => (
      [trial, clip, x.toUpperCase(), `${answer.toUpperCase()}, ${right ? "right" : "wrong"}`]
    ));
  }

  outcome(whole) {
    const { answers, a, b } = this.state;
    const right = this.rows().filter((row) => row[7]).length;
    const told = `A was ${PAGE.columns[a]}, B ${PAGE.columns[b]}: ${right} of ${answers.length} right`;
    // With a test that may be stopped at will, p would be too low.
    if (!whole) return `${told}. The test was ended early, so there is no p.`;
    return `${told}, p = ${chance(right, answers.length).toPrecision(2)}, the probability of at `
      + "least as many right answers by guessing.";
  }
}

new Abx().show(false);
