"use strict";

// A spectrogram that grows with its sound: 80 dB from dark to bright, up to half the sample rate.

class Spectrogram {
  constructor(canvas) {
    this.canvas = canvas;
    this.window = 512;
    this.hop = 160;
    this.taper = Float32Array.from(
      { length: this.window },
      (_, i) => (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / this.window)) / (this.window / 4),
    );
    this.clear();
  }

  clear() {
    this.columns = [];
    this.samples = new Float32Array(this.window / 2);
    this.playhead = null;
    this.draw();
  }

  // Float32Array from -1 to 1.
  push(wave) {
    const both = new Float32Array(this.samples.length + wave.length);
    both.set(this.samples);
    both.set(wave, this.samples.length);
    let first = 0;
    for (; first + this.window <= both.length; first += this.hop) {
      this.columns.push(this.column(both.subarray(first, first + this.window)));
    }
    this.samples = both.slice(first);
    this.draw();
  }

  // Levels from 0 to 255, the lowest frequency first.
  column(frame) {
    const re = frame.map((sample, i) => sample * this.taper[i]);
    const im = new Float32Array(this.window);
    transform(re, im);
    return Uint8Array.from({ length: this.window / 2 }, (_, k) => {
      const decibels = 10 * Math.log10(re[k] ** 2 + im[k] ** 2 + 1e-12);
      return Math.min(Math.max((255 * (decibels + 90)) / 80, 0), 255);
    });
  }

  // The share of the sound that was played, or null.
  show(playhead) {
    this.playhead = playhead;
    this.draw();
  }

  // At the next animation frame, once for any number of calls.
  draw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.paint();
    });
  }

  paint() {
    const rows = this.window / 2;
    const width = Math.min(Math.max(this.columns.length, 300), 1200);
    const { canvas } = this;
    canvas.width = width;
    canvas.height = rows;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(width, rows);
    const step = Math.max(this.columns.length / width, 1);
    for (let x = 0; x < width; x++) {
      const column = this.columns[Math.floor(x * step)];
      for (let y = 0; y < rows; y++) {
        const place = 4 * (y * width + x);
        const [red, green, blue] = COLOURS[column ? column[rows - 1 - y] : 0];
        picture.data[place] = red;
        picture.data[place + 1] = green;
        picture.data[place + 2] = blue;
        picture.data[place + 3] = 255;
      }
    }
    context.putImageData(picture, 0, 0);
    if (this.playhead !== null) {
      context.fillStyle = "#ffffff";
      context.fillRect((this.playhead * this.columns.length) / step, 0, 2, rows);
    }
  }
}

// Of the colour map "inferno" of matplotlib.
const STOPS = [
  [0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85],
  [227, 89, 51], [249, 140, 10], [249, 201, 50], [252, 255, 164],
];
const COLOURS = Array.from({ length: 256 }, (_, level) => {
  const place = (level / 256) * (STOPS.length - 1);
  const [from, to] = [STOPS[Math.floor(place)], STOPS[Math.floor(place) + 1]];
  return from.map((value, i) => Math.round(value + (to[i] - value) * (place % 1)));
});

// The Fourier transform in place, of a power of two.
function transform(re, im) {
  const size = re.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let half = 1; half < size; half *= 2) {
    for (let k = 0; k < half; k++) {
      const [cos, sin] = [Math.cos((Math.PI * k) / half), -Math.sin((Math.PI * k) / half)];
      for (let i = k; i < size; i += 2 * half) {
        const j = i + half;
        const [a, b] = [re[j] * cos - im[j] * sin, re[j] * sin + im[j] * cos];
        [re[j], im[j]] = [re[i] - a, im[i] - b];
        [re[i], im[i]] = [re[i] + a, im[i] + b];
      }
    }
  }
}
