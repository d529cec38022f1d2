"use strict";

// The microphone, files of audio, and playing.

// An audio worklet that posts the samples of the microphone.
const LISTENER = `registerProcessor("listener", class extends AudioWorkletProcessor {
  process([[channel]]) {
    if (channel) this.port.postMessage(channel.slice());
    return true;
  }
});`;

const PIECE = 0.1; // seconds of a recording per piece

class Sound {
  constructor(rate) {
    this.rate = rate;
    this.context = null;
    this.source = null;
  }

  // To be called after a click, as browsers do not play sound before one.
  async wake() {
    this.context ??= new AudioContext({ sampleRate: this.rate });
    await this.context.resume();
  }

  // Calls `take` with pieces, Float32Array, until the function that is returned is called.
  async record(take) {
    if (!navigator.mediaDevices) {
      throw new Error("Browsers give the microphone to https: and localhost pages only.");
    }
    await this.wake();
    // At the rate of the microphone, as not every browser converts it.
    const context = new AudioContext();
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, ...plain },
    });
    // As a data URL, since a page opened from the disk may load no other worklet.
    await context.audioWorklet.addModule(`data:text/javascript,${encodeURI(LISTENER)}`);
    const listener = new AudioWorkletNode(context, "listener");
    const resampler = new Resampler(context.sampleRate, this.rate);
    let pieces = [];
    let count = 0;
    const flush = () => {
      if (count) take(resampler.push(joined(pieces)));
      pieces = [];
      count = 0;
    };
    listener.port.addEventListener("message", ({ data }) => {
      pieces.push(data);
      count += data.length;
      if (count >= PIECE * context.sampleRate) flush();
    });
    listener.port.start();
    const source = context.createMediaStreamSource(stream);
    source.connect(listener);
    return () => {
      source.disconnect();
      stream.getTracks().forEach((track) => track.stop());
      flush();
      listener.port.close();
      context.close();
    };
  }

  // Mono samples of a file, Float32Array at the rate.
  async read(bytes) {
    const context = new OfflineAudioContext(1, 1, this.rate);
    let found;
    try {
      found = await context.decodeAudioData(bytes);
    } catch {
      throw new Error("This browser cannot read this file as audio.");
    }
    const channels = Array.from({ length: found.numberOfChannels }, (_, i) =>
      found.getChannelData(i),
    );
    return channels[0].map((_, i) => {
      const total = channels.reduce((sum, channel) => sum + channel[i], 0);
      return total / channels.length;
    });
  }

  // Plays a sound from its start; `show` gets the share that was played, and null at the end.
  async play(wave, show) {
    await this.wake();
    this.stop();
    const source = this.start(wave, this.context.currentTime);
    const began = this.context.currentTime;
    this.source = source;
    const follow = () => {
      if (this.source !== source) return show(null);
      show(((this.context.currentTime - began) * this.rate) / wave.length);
      requestAnimationFrame(follow);
    };
    source.addEventListener("ended", () => {
      if (this.source === source) this.source = null;
    });
    follow();
  }

  stop() {
    this.source?.stop();
    this.source = null;
  }

  // Plays a piece after the one before, or now.
  follow(wave) {
    if (!wave.length) return;
    const now = this.context.currentTime;
    const at = Math.max(this.next ?? 0, now + 0.02);
    this.start(wave, at);
    this.next = at + wave.length / this.rate;
  }

  start(wave, at) {
    const buffer = this.context.createBuffer(1, wave.length, this.rate);
    buffer.copyToChannel(wave, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    source.start(at);
    return source;
  }
}

// Converts the rate of a stream by a windowed sinc; the output is the same however it is cut.
class Resampler {
  constructor(from, to) {
    const divisor = (a, b) => (b ? divisor(b, a % b) : a);
    const common = divisor(from, to);
    [this.from, this.to] = [from / common, to / common];
    const cutoff = Math.min(1, to / from) * 0.94;
    this.half = Math.ceil(24 / cutoff);
    // For each place between two samples that an output can have, the weights around it.
    this.weights = Array.from({ length: this.to }, (_, phase) =>
      Float32Array.from({ length: 2 * this.half }, (_, k) => {
        const time = k - this.half + 1 - phase / this.to;
        const taper = Math.cos((Math.PI * time) / 2 / this.half) ** 2;
        const turn = Math.PI * cutoff * time;
        return cutoff * taper * (time === 0 ? 1 : Math.sin(turn) / turn);
      }),
    );
    this.samples = new Float32Array(this.half - 1);
    this.place = 0; // of the next output, from the first of these samples, in parts of 1 / to
  }

  push(wave) {
    this.samples = joined([this.samples, wave]);
    const made = [];
    for (;;) {
      const first = Math.floor(this.place / this.to);
      if (first + 2 * this.half > this.samples.length) break;
      const weights = this.weights[this.place % this.to];
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * this.samples[first + k];
      made.push(sum);
      this.place += this.from;
    }
    const done = Math.floor(this.place / this.to);
    this.samples = this.samples.slice(done);
    this.place -= done * this.to;
    return Float32Array.from(made);
  }
}

function joined(pieces) {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const whole = new pieces[0].constructor(total);
  let place = 0;
  for (const piece of pieces) {
    whole.set(piece, place);
    place += piece.length;
  }
  return whole;
}
