// Products with constant matrices, by multiply.wasm. Factors and sums are float32, exact for
// integers of at most 8 bits whose sums stay below 2 ** 24.

const MOST_ROWS = 64; // multiplied at once
const WIDEST = 1040; // inputs of an exact sum: 127 * 127 * 1040 < 2 ** 24

class Products {
  constructor(wasm) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm));
    this.memory = exports.memory;
    this.run = exports.multiply;
    this.end = 0;
    this.input = this.reserve(MOST_ROWS * 4096);
    this.output = this.reserve(MOST_ROWS * 4096);
  }

  reserve(floats) {
    const place = this.end;
    this.end += 16 * Math.ceil(floats / 4);
    const missing = Math.ceil(this.end / 65536) - this.memory.buffer.byteLength / 65536;
    if (missing > 0) this.memory.grow(missing);
    return place;
  }

  // Stores a matrix (inputs, outputs); returns a function from `count` rows of inputs to rows of
  // outputs, which are valid until the next product.
  matrix(values, inputs, outputs) {
    const padded = 4 * Math.ceil(inputs / 4);
    if (padded > 4096 || outputs > 4096) throw new Error(`${inputs} x ${outputs} is too large`);
    const place = this.reserve(padded * outputs);
    const stored = new Float32Array(this.memory.buffer, place, padded * outputs);
    for (let i = 0; i < inputs; i++) {
      for (let j = 0; j < outputs; j++) stored[j * padded + i] = values[i * outputs + j];
    }
    return (x, count) => {
      if (count > MOST_ROWS) throw new Error(`${count} rows are too many`);
      const taken = new Float32Array(this.memory.buffer, this.input, count * padded);
      if (padded === inputs) taken.set(x.subarray(0, count * inputs));
      else {
        taken.fill(0);
        for (let i = 0; i < count; i++) {
          taken.set(x.subarray(i * inputs, (i + 1) * inputs), i * padded);
        }
      }
      this.run(this.input, count, 4 * padded, place, outputs, this.output);
      return new Float32Array(this.memory.buffer, this.output, count * outputs);
    };
  }

  // As `matrix`, for integers: outputs are a new Int32Array, exact for any number of inputs.
  integers(values, inputs, outputs) {
    const pieces = Math.ceil(inputs / WIDEST);
    const cuts = Array.from({ length: pieces + 1 }, (_, i) => Math.floor((inputs * i) / pieces));
    const parts = cuts.slice(1).map((stop, i) => {
      const rows = values.subarray(cuts[i] * outputs, stop * outputs);
      return this.matrix(rows, stop - cuts[i], outputs);
    });
    return (x, count) => {
      const total = new Int32Array(count * outputs);
      parts.forEach((part, p) => {
        const width = cuts[p + 1] - cuts[p];
        let rows = x;
        if (pieces > 1) {
          rows = new Float32Array(count * width);
          for (let i = 0; i < count; i++) {
            const start = i * inputs + cuts[p];
            rows.set(x.subarray(start, start + width), i * width);
          }
        }
        const sums = part(rows, count);
        for (let i = 0; i < total.length; i++) total[i] += sums[i];
      });
      return total;
    };
  }
}
