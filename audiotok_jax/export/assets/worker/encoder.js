// The integer encoder as a stream: bit for bit what codec/integer/reference.py defines, which says
// the ranges of all values. All fit 32 bits, so that numbers and shifts of JavaScript are exact.

class Encoder {
  constructor(model, products) {
    const { shape, arrays } = model;
    this.shape = shape;
    this.arrays = arrays;
    const bins = shape.n_fft / 2 + 1;
    const split = (values) => {
      const high = Int32Array.from(values, (value) => (value + 128) >> 8);
      return [high, Int32Array.from(values, (value, i) => value - (high[i] << 8))];
    };
    const [turnHigh, turnLow] = split(arrays["tables/twiddles"]);
    const both = joined(Int32Array, [turnLow, turnHigh]);
    this.coarse = products.integers(turnHigh, shape.subframe_length, 2 * bins);
    this.fine = products.integers(both, 2 * shape.subframe_length, 2 * bins);
    const [low, high] = shape.harmonic_bins;
    this.combs = products.integers(arrays["tables/combs"], high - low, shape.pitch_bins);
    const linear = (name, inputs) => {
      const bias = arrays[`${name}/bias`];
      const product = products.integers(arrays[`${name}/kernel`], inputs, bias.length);
      return { product, bias, shift: arrays[`${name}/shift`] };
    };
    const { encoder_dim: dim } = shape;
    this.front = linear("encoder/front", shape.features);
    this.blocks = shape.encoder_taps.map(([left, right], i) => {
      const name = `encoder/blocks/${i}`;
      const one = (part) => arrays[`${name}/${part}`];
      return {
        left,
        right,
        taps: one("taps"),
        bias: one("bias"),
        gelu: one("gelu"),
        into: linear(`${name}/mlp_in`, dim),
        out: linear(`${name}/mlp_out`, shape.expansion * dim),
      };
    });
    this.head = linear("encoder/head", dim);
    this.start();
  }

  // Before the first sample of a clip, which is zero before it.
  start() {
    const { shape } = this;
    this.samples = new Frames(Int16Array, 1);
    this.spectra = new Frames(Int32Array, shape.n_fft + 2);
    this.past = this.blocks.map(() => new Frames(Int32Array, shape.encoder_dim));
    this.taken = 0;
    this.push(new Int16Array(shape.encoder_halo[0]));
    this.taken = 0;
  }

  // Tokens that these samples, an Int16Array, complete.
  push(samples) {
    this.taken += samples.length;
    this.samples.push(samples);
    const { subframe_length: length, subframes, margin } = this.shape;
    // All subframes but those of the margins, which are kept as spectra, make whole frames.
    const overlap = (2 * margin) / length;
    const tokens = [];
    for (;;) {
      const ready = this.spectra.count + Math.floor(this.samples.count / length) - overlap;
      const frames = Math.min(Math.floor(ready / subframes), 16);
      if (frames < 1) break;
      const missing = frames * subframes + overlap - this.spectra.count;
      this.transform(missing);
      const x = this.network(this.features(frames * subframes));
      this.spectra.drop(frames * subframes);
      for (const token of x) tokens.push(token);
    }
    return Uint16Array.from(tokens);
  }

  // The last tokens of a clip, which is zero after it.
  finish() {
    const { hop_length: hop, encoder_halo: halo } = this.shape;
    const wanted = Math.ceil(this.taken / hop);
    const silence = new Int16Array(wanted * hop - this.taken + halo[1]);
    return this.push(silence);
  }

  transform(count) {
    const { subframe_length: length } = this.shape;
    for (let first = 0; first < count; first += 32) {
      const rows = Math.min(32, count - first);
      const high = new Float32Array(rows * length);
      const both = new Float32Array(2 * rows * length);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < length; j++) {
          const sample = Math.min(this.samples.values[(first + i) * length + j], 32639);
          const upper = (sample + 128) >> 8;
          high[i * length + j] = both[2 * i * length + j] = upper;
          both[(2 * i + 1) * length + j] = sample - (upper << 8);
        }
      }
      const sums = this.coarse(high, rows);
      const fine = this.fine(both, rows);
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] << 4) + ((fine[i] + 8) >> 4);
      this.spectra.push(sums);
    }
    this.samples.drop(count * length);
  }

  // Float32Array of whole numbers, (count, features of a subframe).
  features(count) {
    const { spans, middles, n_fft: longest, pitch_bins: lags, features, subframes } = this.shape;
    const width = features / subframes;
    const made = new Float32Array(count * width);
    let column = 0;
    spans.forEach((span, number) => {
      const stride = spans[0] / span;
      const bins = longest / 2 / stride + 1;
      const log = this.logPower(this.spectrum(count, span, stride, bins));
      for (let i = 0; i < count; i++) {
        for (let k = 0; k < bins; k++) {
          const step = ((3 * log[i * bins + k] + 64) >> 7) - middles[number];
          made[i * width + column + k] = clip(step, 127);
        }
      }
      column += bins;
      if (number === 0) {
        const periodic = this.periodicity(log, count, bins);
        for (let i = 0; i < count; i++) {
          made.set(periodic.subarray(i * lags, (i + 1) * lags), i * width + column);
        }
        column += lags;
      }
    });
    return made;
  }

  spectrum(count, span, stride, bins) {
    const { spans, n_fft: longest } = this.shape;
    const outer = (spans[0] - span) / 2;
    let rows = count + span - 1;
    const all = longest / 2 + 1;
    let [re, im] = [0, all].map((side) => {
      const part = new Int32Array(rows * bins);
      for (let i = 0; i < rows; i++) {
        for (let k = 0; k < bins; k++) {
          part[i * bins + k] = this.spectra.values[(outer + i) * 2 * all + side + k * stride];
        }
      }
      return part;
    });
    const COS = [1, 1, 0, -1, -1, -1, 0, 1];
    for (let parts = 2; parts <= span; parts *= 2) {
      const step = span / parts;
      rows -= step;
      for (let k = 0; k < bins; k++) {
        const turn = (k * (8 / parts)) % 8;
        const [cos, sin] = [COS[turn], COS[(turn + 6) % 8]];
        const eighth = parts === 8 && k % 2 === 1;
        for (let i = 0; i < rows; i++) {
          const [here, later] = [i * bins + k, (i + step) * bins + k];
          let one = cos * re[later] + sin * im[later];
          let other = cos * im[later] - sin * re[later];
          if (eighth) [one, other] = [byRootHalf(one), byRootHalf(other)];
          re[here] += one;
          im[here] += other;
        }
      }
    }
    return { re: hann(re, rows, bins, 1), im: hann(im, rows, bins, -1) };
  }

  logPower({ re, im }) {
    return re.map((value, i) => {
      let [a, b] = [Math.abs(value), Math.abs(im[i])];
      const cut = Math.max(bitLength(a | b) - 14, 0);
      a >>= cut;
      b >>= cut;
      const power = Math.max(a * a + b * b, 1);
      const length = bitLength(power);
      let part = ((power << (30 - length)) >> 14) - 32768;
      part += (((part * (32768 - part)) >> 15) * 11272) >> 15;
      return ((length - 1 + 2 * cut) << 8) + (part >> 7);
    });
  }

  periodicity(log, count, bins) {
    const [low, high] = this.shape.harmonic_bins;
    const falling = this.arrays["tables/falling"];
    const reciprocals = this.arrays["tables/reciprocals"];
    const magnitudes = new Float32Array(count * (high - low));
    const totals = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      let loudest = 8192;
      for (let k = low; k < high; k++) loudest = Math.max(loudest, log[i * bins + k]);
      totals[i] = 128;
      for (let k = low; k < high; k++) {
        const below = Math.min((loudest - log[i * bins + k]) >> 4, falling.length - 1);
        magnitudes[i * (high - low) + k - low] = falling[below];
        totals[i] += falling[below];
      }
    }
    const sums = this.combs(magnitudes, count);
    const lags = this.shape.pitch_bins;
    return Float32Array.from(sums, (sum, place) => {
      const total = totals[Math.floor(place / lags)];
      const cut = bitLength(total) - 8;
      const inverse = reciprocals[(total >> cut) - 128];
      return clip(((sum >> cut) * inverse + 32768) >> 16, 127);
    });
  }

  // Tokens of the frames that these features complete.
  network(features) {
    const { encoder_dim: dim, features: width, bits } = this.shape;
    let x = linear(this.front, features, features.length / width);
    x = this.norm(x, dim, 10, 32767);
    this.blocks.forEach((block, i) => {
      this.past[i].push(x);
      x = this.residual(block, this.past[i]);
    });
    const count = x.length / dim;
    if (count < 1) return new Uint16Array(0);
    const sums = this.head.product(Float32Array.from(this.norm(x, dim, 4, 127)), count);
    const tokens = new Uint16Array(count);
    for (let i = 0; i < count; i++) {
      for (let bit = 0; bit < bits; bit++) {
        if (sums[i * bits + bit] + this.head.bias[bit] > 0) tokens[i] |= 1 << bit;
      }
    }
    return tokens;
  }

  residual({ left, right, taps, bias, gelu, into, out }, past) {
    const { encoder_dim: dim, expansion } = this.shape;
    const count = past.count - left - right;
    if (count < 1) return new Int32Array(0);
    const h = new Int32Array(count * dim);
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < dim; k++) {
        let sum = bias[k];
        for (let tap = 0; tap <= left + right; tap++) {
          sum += taps[tap * dim + k] * past.values[(i + tap) * dim + k];
        }
        h[i * dim + k] = sum;
      }
    }
    const wide = linear(into, Float32Array.from(this.norm(h, dim, 4, 127)), count);
    const active = Float32Array.from(wide, (v) => gelu[Math.min(Math.max(v, -512), 511) + 512]);
    const x = linear(out, active, count);
    for (let i = 0; i < x.length; i++) x[i] = clip(x[i] + past.values[left * dim + i], 32767);
    past.drop(count);
    return x;
  }

  norm(x, dim, bits, limit) {
    const roots = this.arrays["tables/roots"];
    const made = new Int32Array(x.length);
    for (let first = 0; first < x.length; first += dim) {
      let largest = 0;
      for (let k = first; k < first + dim; k++) largest = Math.max(largest, Math.abs(x[k]));
      const length = bitLength(largest);
      const [cut, cutMore] = [Math.max(length - 14, 0), Math.max(length - 10, 0)];
      let power = 0;
      for (let k = first; k < first + dim; k++) power += shiftRight(x[k], cutMore) ** 2;
      power = Math.max(power, 1);
      const half = (bitLength(power) + 1) >> 1;
      const leading = (power << Math.max(12 - 2 * half, 0)) >> Math.max(2 * half - 12, 0);
      const inverse = roots[leading - 1024];
      const down = 10 + half - bits + cutMore - cut;
      for (let k = first; k < first + dim; k++) {
        made[k] = clip(shiftRight(shiftRight(x[k], cut) * inverse, down), limit);
      }
    }
    return made;
  }
}

function linear({ product, bias, shift }, x, count) {
  const sums = product(x, count);
  for (let i = 0; i < sums.length; i++) {
    const j = i % bias.length;
    sums[i] = shiftRight(sums[i] + bias[j], shift[j]);
  }
  return sums;
}

function hann(x, rows, bins, mirrored) {
  const made = new Int32Array(rows * bins);
  for (let i = 0; i < rows; i++) {
    const first = i * bins;
    const last = first + bins - 1;
    for (let k = first; k <= last; k++) {
      const before = k === first ? mirrored * x[first + 1] : x[k - 1];
      const after = k === last ? mirrored * x[last - 1] : x[k + 1];
      made[k] = 2 * x[k] - before - after;
    }
  }
  return made;
}

const byRootHalf = (x) => (((x >> 12) * 46341) >> 4) + (((x & 4095) * 46341) >> 16);
const bitLength = (x) => 32 - Math.clz32(x);
const shiftRight = (x, bits) => (x + ((1 << bits) >> 1)) >> bits;
const clip = (x, limit) => Math.min(Math.max(x, -limit), limit);
