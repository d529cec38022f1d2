// The decoder as a stream. The network computes each frame once; the synthesizer renders a few
// frames at a time, with the context that they need on both sides.

const CYCLE = 2 ** 32;
const SEED = 0x9e3779b9; // of the noise, see codec/heads/noise.py

class Decoder {
  constructor(model, products) {
    const { shape, arrays } = model;
    this.shape = shape;
    this.arrays = arrays;
    const dense = (name, inputs) => {
      const bias = arrays[`decoder/${name}/bias`];
      const product = products.matrix(arrays[`decoder/${name}/kernel`], inputs, bias.length);
      return (x, count) => {
        const made = product(x, count).slice();
        for (let i = 0; i < made.length; i++) made[i] += bias[i % bias.length];
        return made;
      };
    };
    const dim = shape.decoder_dim;
    this.from = dense("from_codes", shape.bits);
    this.blocks = shape.decoder_taps.map(([left, right], i) => {
      const name = `stack/block_${i}`;
      return {
        left,
        right,
        name,
        into: dense(`${name}/mlp_in`, dim),
        out: dense(`${name}/mlp_out`, shape.expansion * dim),
      };
    });
    this.toPitch = dense("to_pitch", dim);
    this.toFilters = dense("to_filters", dim);
    const { forward, inverse, phases } = transforms(shape.filter_bins);
    this.forward = products.matrix(forward, shape.filter_length, 2 * shape.filter_bins);
    this.inverse = products.matrix(inverse, 2 * shape.filter_bins, shape.filter_length);
    this.phases = products.matrix(phases, shape.filter_bins, shape.filter_bins);
    this.start();
  }

  // Before the first token of a clip.
  start() {
    const { shape } = this;
    this.past = this.blocks.map(() => new Frames(Float32Array, shape.decoder_dim));
    this.pitch = new Frames(Int32Array, 1);
    this.filters = new Frames(Float32Array, 2 * shape.subframes * shape.filter_bins);
    this.phase = 0;
    this.frame = 0;
    this.push(new Int32Array(shape.decoder_halo[0]).fill(-1));
  }

  // Samples, a Float32Array, that these tokens complete; -1 is no token.
  push(tokens) {
    const parts = [];
    for (let first = 0; first < tokens.length; first += 16) {
      this.network(tokens.subarray(first, first + 16));
      const { control_halo: halo } = this.shape;
      const count = this.pitch.count - halo[0] - halo[1];
      if (count > 0) parts.push(this.render(count));
    }
    return joined(Float32Array, parts);
  }

  // The last samples of a clip.
  finish() {
    return this.push(new Int32Array(this.shape.decoder_halo[1]).fill(-1));
  }

  network(tokens) {
    const { bits, decoder_dim: dim, pitch_bins: bins } = this.shape;
    const corner = Math.fround(1 / Math.sqrt(bits));
    const codes = new Float32Array(tokens.length * bits);
    tokens.forEach((token, i) => {
      for (let bit = 0; bit < bits && token >= 0; bit++) {
        codes[i * bits + bit] = (token >> bit) & 1 ? corner : -corner;
      }
    });
    let x = this.layerNorm(this.from(codes, tokens.length), "stack/norm_in");
    this.blocks.forEach((block, i) => {
      this.past[i].push(x);
      x = this.residual(block, this.past[i]);
    });
    const count = x.length / dim;
    if (count < 1) return;
    x = this.layerNorm(x, "stack/norm_out");
    const logits = this.toPitch(x, count);
    const pitch = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      for (let k = 1; k < bins; k++) {
        if (logits[i * bins + k] > logits[i * bins + pitch[i]]) pitch[i] = k;
      }
    }
    this.pitch.push(pitch);
    this.filters.push(this.toFilters(x, count).map((v) => Math.min(Math.max(v, -14), 5)));
  }

  residual({ left, right, name, into, out }, past) {
    const { decoder_dim: dim } = this.shape;
    const count = past.count - left - right;
    if (count < 1) return new Float32Array(0);
    const [taps, bias, scale] = ["depthwise/kernel", "depthwise/bias", "scale"].map(
      (part) => this.arrays[`decoder/${name}/${part}`],
    );
    const h = new Float32Array(count * dim);
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < dim; k++) {
        let sum = bias[k];
        for (let tap = 0; tap <= left + right; tap++) {
          sum += taps[tap * dim + k] * past.values[(i + tap) * dim + k];
        }
        h[i * dim + k] = sum;
      }
    }
    const wide = into(this.layerNorm(h, `${name}/norm`), count);
    for (let i = 0; i < wide.length; i++) wide[i] = gelu(wide[i]);
    const x = out(wide, count);
    for (let i = 0; i < x.length; i++) x[i] = past.values[left * dim + i] + scale[i % dim] * x[i];
    past.drop(count);
    return x;
  }

  layerNorm(x, name) {
    const scale = this.arrays[`decoder/${name}/scale`];
    const bias = this.arrays[`decoder/${name}/bias`];
    const dim = scale.length;
    const made = new Float32Array(x.length);
    for (let first = 0; first < x.length; first += dim) {
      let [sum, squares] = [0, 0];
      for (let k = 0; k < dim; k++) {
        sum += x[first + k];
        squares += x[first + k] ** 2;
      }
      const mean = sum / dim;
      const factor = 1 / Math.sqrt(Math.max(squares / dim - mean * mean, 0) + 1e-6);
      for (let k = 0; k < dim; k++) {
        made[first + k] = (x[first + k] - mean) * factor * scale[k] + bias[k];
      }
    }
    return made;
  }

  // The next `count` frames, as SourceFilter.prepare and .render make a window of them.
  render(count) {
    const { shape } = this;
    const { hop_length: hop, synthesis_halo: halo } = shape;
    const pitch = this.pitch.values.subarray(0, count + 2 * shape.pitch_halo);
    const table = this.arrays["tables/pitch_steps"];
    const steps = Float64Array.from({ length: pitch.length - 3 }, (_, i) => {
      const [before, here, after] = [1, 2, 3].map((k) => table[pitch[i + k]]);
      return Math.floor((before + 2 * here + after) / 4);
    });
    const slopes = Float64Array.from({ length: steps.length - 1 }, (_, i) =>
      Math.floor((steps[i + 1] - steps[i]) / hop),
    );
    const gained = slopes.map((slope, i) => steps[i] * hop + slope * ((hop * (hop - 1)) / 2));
    const sum = (values) => values.reduce((total, value) => total + value, 0);
    const phase = this.phase - sum(gained.subarray(0, halo));
    const wave = this.filter(
      count,
      this.harmonics(steps, slopes, gained, phase),
      this.noise(this.frame - halo, count + 2 * halo),
    );
    this.phase = modulo(this.phase + sum(gained.subarray(halo, gained.length - halo)));
    this.frame += count;
    this.pitch.drop(count);
    this.filters.drop(count);
    return wave;
  }

  // Rounded to float32 as in JAX, since the arguments of sines are large.
  harmonics(steps, slopes, gained, start) {
    const { hop_length: hop } = this.shape;
    const { fround } = Math;
    const wave = new Float32Array(slopes.length * hop);
    const turn = fround((2 * Math.PI) / CYCLE);
    let phase = start;
    for (let i = 0; i < slopes.length; i++) {
      for (let n = 0; n < hop; n++) {
        const cycles = modulo(phase + n * steps[i] + ((n * (n - 1)) / 2) * slopes[i]) | 0;
        const radians = fround(fround(cycles) * turn);
        const count = fround(fround(CYCLE / 2) / fround(steps[i] + n * slopes[i]));
        const whole = Math.floor(count);
        const sine = fround(Math.sin(radians / 2));
        let total = whole + 0.5;
        if (Math.abs(sine) >= 1e-5) total = Math.sin(fround(total * radians)) / (2 * sine);
        total += (count - whole) * Math.cos(fround((whole + 1) * radians)) - 0.5;
        wave[i * hop + n] = total * Math.sqrt(2 / count);
      }
      phase += gained[i];
    }
    return wave;
  }

  noise(frame, frames) {
    const { hop_length: hop } = this.shape;
    const scale = Math.fround(1 / Math.sqrt((4 * (256 ** 2 - 1)) / 12));
    return Float32Array.from({ length: frames * hop }, (_, i) => {
      let x = (frame * hop + i + SEED) | 0;
      x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
      x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
      x ^= x >>> 16;
      const total = (x & 255) + ((x >>> 8) & 255) + ((x >>> 16) & 255) + (x >>> 24);
      return (total - 510) * scale;
    });
  }

  filter(count, voiced, hiss) {
    const { subframe_length: sub, subframes, filter_bins: bins, filter_length: size } = this.shape;
    const first = this.shape.synthesis_halo * subframes - 3;
    const rows = count * subframes + 3;
    const skip = this.shape.control_halo[0] * subframes - 1;
    const spectra = [voiced, hiss].map((source) => {
      const frames = new Float32Array(rows * size);
      for (let i = 0; i < rows; i++) {
        frames.set(source.subarray((first + i) * sub, (first + i) * sub + size), i * size);
      }
      return this.forward(frames, rows).slice();
    });
    // Of each subframe, the filter of harmonics before that of noise.
    const logs = [0, 1].map((side) => {
      const taken = new Float32Array(rows * bins);
      for (let i = 0; i < rows; i++) {
        const place = (2 * (skip + i) + side) * bins;
        taken.set(this.filters.values.subarray(place, place + bins), i * bins);
      }
      return taken;
    });
    const turns = this.phases(logs[0], rows);
    const both = new Float32Array(2 * rows * bins);
    for (let i = 0; i < rows; i++) {
      for (let k = 0; k < bins; k++) {
        const here = i * bins + k;
        const re = i * 2 * bins + k;
        const im = re + bins;
        const loud = Math.exp(logs[0][here]);
        const [cos, sin] = [loud * Math.cos(turns[here]), loud * Math.sin(turns[here])];
        const other = Math.exp(logs[1][here]);
        const [a, b] = spectra;
        both[re] = a[re] * cos - a[im] * sin + b[re] * other;
        both[im] = a[re] * sin + a[im] * cos + b[im] * other;
      }
    }
    const frames = this.inverse(both, rows);
    const wave = new Float32Array(count * subframes * sub);
    for (let i = 0; i < count * subframes; i++) {
      for (let part = 0; part < 4; part++) {
        const from = (i + 3 - part) * size + part * sub;
        for (let k = 0; k < sub; k++) wave[i * sub + k] += frames[from + k];
      }
    }
    return wave;
  }
}

// Matrices of the windowed transform and its inverse, (samples, real and imaginary parts) and the
// other way round, and of `spectral.minimum_phase` from log-magnitudes to phases.
function transforms(bins) {
  const size = 2 * (bins - 1);
  const cos = Float64Array.from({ length: size }, (_, i) => Math.cos((2 * Math.PI * i) / size));
  const sin = Float64Array.from({ length: size }, (_, i) => Math.sin((2 * Math.PI * i) / size));
  const window = cos.map((value) => Math.sqrt(Math.fround(0.5 - 0.5 * value)));
  const forward = new Float32Array(size * 2 * bins);
  const inverse = new Float32Array(2 * bins * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < bins; k++) {
      const turn = (i * k) % size;
      const twice = k === 0 || k === bins - 1 ? 1 : 2;
      forward[i * 2 * bins + k] = window[i] * cos[turn];
      forward[i * 2 * bins + bins + k] = -window[i] * sin[turn];
      // The squared windows of four overlapping frames add up to two.
      inverse[k * size + i] = (window[i] * twice * cos[turn]) / size / 2;
      inverse[(bins + k) * size + i] = (-window[i] * twice * sin[turn]) / size / 2;
    }
  }
  const phases = new Float32Array(bins * bins);
  for (let k = 0; k < bins; k++) {
    const twice = k === 0 || k === bins - 1 ? 1 : 2;
    for (let j = 0; j < bins; j++) {
      let sum = 0;
      for (let n = 1; n < bins - 1; n++) sum += cos[(n * k) % size] * sin[(n * j) % size];
      phases[k * bins + j] = (-2 * twice * sum) / size;
    }
  }
  return { forward, inverse, phases };
}

const modulo = (x) => x - CYCLE * Math.floor(x / CYCLE);

function gelu(x) {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}
