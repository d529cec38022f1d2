// Answers the requests of the page, messages with a `kind`, in order.

let codec = null;

const ANSWERS = {
  load({ bytes, manifest, shape, wasm }) {
    const products = new Products(wasm);
    const model = { shape, arrays: unpack(bytes, manifest) };
    codec = { encoder: new Encoder(model, products), decoder: new Decoder(model, products) };
    return {};
  },
  startEncoding() {
    codec.encoder.start();
    return {};
  },
  encode: ({ samples }) => ({ tokens: codec.encoder.push(samples) }),
  finishEncoding: () => ({ tokens: codec.encoder.finish() }),
  startDecoding() {
    codec.decoder.start();
    return {};
  },
  decode: ({ tokens }) => ({ wave: codec.decoder.push(Int32Array.from(tokens)) }),
  finishDecoding: () => ({ wave: codec.decoder.finish() }),
};

self.addEventListener("message", ({ data }) => {
  const start = performance.now();
  try {
    const answer = ANSWERS[data.kind](data);
    self.postMessage({ ...answer, number: data.number, ms: performance.now() - start });
  } catch (error) {
    self.postMessage({ number: data.number, error: String(error.stack) });
  }
});
