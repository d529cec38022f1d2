// Typed arrays of a kind, concatenated.
function joined(kind, parts) {
  const whole = new kind(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

// A queue of rows of numbers.
class Frames {
  constructor(kind, width) {
    this.width = width;
    this.values = new kind(0);
  }

  get count() {
    return this.values.length / this.width;
  }

  push(rows) {
    this.values = joined(this.values.constructor, [this.values, rows]);
  }

  drop(count) {
    this.values = this.values.slice(count * this.width);
  }
}
