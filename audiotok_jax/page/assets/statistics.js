"use strict";

// The probability of at least `right` of `trials` right answers by guessing: of a binomial
// distribution with 1/2.
function chance(right, trials) {
  let term = 0.5 ** trials; // of all wrong
  let sum = 0;
  for (let k = 0; k <= trials; k++) {
    if (k >= right) sum += term;
    term *= (trials - k) / (k + 1);
  }
  return Math.min(sum, 1);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
