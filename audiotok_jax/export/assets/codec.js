"use strict";

// Requests to the worker that encodes and decodes, which it answers in order.

class Codec {
  constructor() {
    const source = new Blob([WORKER], { type: "text/javascript" });
    this.worker = new Worker(URL.createObjectURL(source));
    this.waiting = new Map();
    this.asked = 0;
    this.worker.addEventListener("message", ({ data }) => {
      const { done, fail } = this.waiting.get(data.number);
      this.waiting.delete(data.number);
      if (data.error) fail(new Error(data.error));
      else done(data);
    });
  }

  // The answer, with the `ms` that it took.
  ask(kind, message = {}) {
    const number = this.asked++;
    return new Promise((done, fail) => {
      this.waiting.set(number, { done, fail });
      this.worker.postMessage({ kind, number, ...message });
    });
  }

  async load(model) {
    const packed = new Blob([fromBase64(model.data)]).stream();
    const stream = packed.pipeThrough(new DecompressionStream("gzip"));
    const bytes = await new Response(stream).arrayBuffer();
    const { manifest, shape } = model;
    await this.ask("load", { bytes, manifest, shape, wasm: fromBase64(WASM) });
  }
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
