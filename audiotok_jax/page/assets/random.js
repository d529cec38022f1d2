"use strict";

// Random numbers that are reproducible by their seed.

// The seed in the address, as in abx.html#seed=7, or else a random one.
function freshSeed() {
  const asked = new URLSearchParams(location.hash.slice(1)).get("seed");
  return asked === null ? crypto.getRandomValues(new Uint32Array(1))[0] : Number(asked) >>> 0;
}

// Returns a generator (mulberry32) of integers from 0 to `limit` - 1.
function generator(seed) {
  let state = seed >>> 0;
  return (limit) => {
    state = state + 0x6d2b79f5 >>> 0;
    let t = Math.imul(state ^ state >>> 15, state | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return Math.floor(((t ^ t >>> 14) >>> 0) / 2 ** 32 * limit);
  };
}

function shuffled(values, random) {
  const found = [...values];
  for (let i = found.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [found[i], found[j]] = [found[j], found[i]];
  }
  return found;
}
