// The arrays of a model, from the bytes that `audiotok export --to web` wrote.

const KINDS = { int8: Int8Array, int32: Int32Array, float64: Float64Array, float16: Uint16Array };

function unpack(bytes, manifest) {
  const arrays = {};
  let place = 0;
  for (const { name, dtype, length } of manifest) {
    const numbers = new KINDS[dtype](length);
    const joined = new Uint8Array(numbers.buffer);
    const size = numbers.BYTES_PER_ELEMENT;
    const planes = new Uint8Array(bytes, place, size * length);
    for (let plane = 0; plane < size; plane++) {
      for (let i = 0; i < length; i++) joined[i * size + plane] = planes[plane * length + i];
    }
    arrays[name] = dtype === "float16" ? halves(numbers) : numbers;
    place += planes.length;
  }
  return arrays;
}

function halves(codes) {
  const values = Float32Array.from({ length: 65536 }, (_, code) => {
    const [exponent, fraction] = [(code >> 10) & 31, code & 1023];
    const size = exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24;
    return code & 32768 ? -size : size;
  });
  return Float32Array.from(codes, (code) => values[code]);
}
