// Rows of numbers that wait for those which come after them.

class Frames {
  constructor(kind, width) {
    this.width = width;
    this.values = new kind(0);
  }

  get count() {
    return this.values.length / this.width;
  }

  push(rows) {
    const both = new this.values.constructor(this.values.length + rows.length);
    both.set(this.values);
    both.set(rows, this.values.length);
    this.values = both;
  }

  drop(count) {
    this.values = this.values.slice(count * this.width);
  }
}
