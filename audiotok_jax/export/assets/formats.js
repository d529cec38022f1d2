"use strict";

// Token files in the plain form of docs/format.md, and WAV of 16 bits.

const MAGIC = [0x89, 0x41, 0x54, 0x4f, 0x4b, 0x0d, 0x0a, 0x1a];
const HEADER = 42;

function isTokenFile(bytes) {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

function writeTokenFile(tokens, samples, about) {
  const { bits } = about;
  const size = HEADER + Math.ceil((tokens.length * bits) / 8);
  const bytes = new Uint8Array(size + 4);
  const view = new DataView(bytes.buffer);
  bytes.set([...MAGIC, 1, bits]);
  bytes.set(about.model_id.match(/../g).map((pair) => parseInt(pair, 16)), 10);
  view.setUint32(18, about.sample_rate, true);
  view.setUint32(22, about.hop_length, true);
  view.setBigUint64(26, BigInt(samples), true);
  view.setBigUint64(34, BigInt(tokens.length), true);
  tokens.forEach((token, i) => {
    for (let bit = 0; bit < bits; bit++) {
      const place = i * bits + bit;
      const value = (token >> (bits - 1 - bit)) & 1;
      bytes[HEADER + (place >> 3)] |= value << (7 - (place & 7));
    }
  });
  view.setUint32(size, crc32(bytes.subarray(0, size)), true);
  return bytes;
}

// Tokens and the number of samples; an error whose message can be shown.
function readTokenFile(bytes, about) {
  if (bytes.length < HEADER + 4) throw new Error("This token file is cut short.");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (bytes[8] === 2) {
    throw new Error("These tokens are compact; write them by audiotok encode without --compact.");
  }
  const id = [...bytes.subarray(10, 18)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (id !== about.model_id) throw new Error(`Made by model ${id}, but this is ${about.model_id}.`);
  const bits = bytes[9];
  const samples = Number(view.getBigUint64(26, true));
  const count = Number(view.getBigUint64(34, true));
  const size = HEADER + Math.ceil((count * bits) / 8);
  const whole = bytes.length === size + 4 && count === Math.ceil(samples / about.hop_length);
  if (bytes[8] !== 1 || bits !== about.bits || !whole || count < 1) {
    throw new Error("This token file is damaged.");
  }
  if (view.getUint32(size, true) !== crc32(bytes.subarray(0, size))) {
    throw new Error("This token file is damaged: its checksum is wrong.");
  }
  const tokens = Uint16Array.from({ length: count }, (_, i) => {
    let token = 0;
    for (let bit = 0; bit < bits; bit++) {
      const place = i * bits + bit;
      token = 2 * token + ((bytes[HEADER + (place >> 3)] >> (7 - (place & 7))) & 1);
    }
    return token;
  });
  return { tokens, samples };
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function writeWav(samples, rate) {
  const bytes = new ArrayBuffer(44 + 2 * samples.length);
  const view = new DataView(bytes);
  const text = (place, letters) => {
    [...letters].forEach((letter, i) => view.setUint8(place + i, letter.charCodeAt(0)));
  };
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, sample, true));
  return new Uint8Array(bytes);
}

// Mono samples of a WAV of 16 bits at this rate, Float32Array, or null: browsers read such files,
// too, but scale their samples by another factor.
function readWav(bytes, rate) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (place) => String.fromCharCode(...bytes.subarray(place, place + 4));
  if (bytes.length < 44 || text(0) !== "RIFF" || text(8) !== "WAVE") return null;
  let channels = 0;
  for (let place = 12; place + 8 <= bytes.length; ) {
    const start = place + 8;
    const size = view.getUint32(place + 4, true);
    if (text(place) === "fmt ") {
      const plain = view.getUint16(start, true) === 1 && view.getUint16(start + 14, true) === 16;
      if (!plain || view.getUint32(start + 4, true) !== rate) return null;
      channels = view.getUint16(start + 2, true);
    }
    if (text(place) === "data" && channels) {
      const count = Math.floor(Math.min(size, bytes.length - start) / 2 / channels);
      return Float32Array.from({ length: count }, (_, i) => {
        let total = 0;
        for (let k = 0; k < channels; k++) {
          total += view.getInt16(start + 2 * (i * channels + k), true);
        }
        return total / channels / 32768;
      });
    }
    place = start + size + (size % 2);
  }
  return null;
}

// Samples from -1 to 1 as integers of 16 bits, ties to the even one, as NumPy rounds.
function toInt16(wave) {
  return Int16Array.from(wave, (sample) => {
    const scaled = sample * 32768;
    const down = Math.floor(scaled);
    const tie = scaled - down === 0.5;
    const rounded = tie ? down + Math.abs(down % 2) : Math.round(scaled);
    return Math.min(Math.max(rounded, -32768), 32767);
  });
}
