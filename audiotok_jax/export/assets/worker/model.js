// The arrays of a model, from the bytes that `audiotok export --to web` wrote.

const KINDS = { int8: Int8Array, int32: Int32Array, float64: Float64Array };

function unpack(bytes, manifest) {
  const arrays = {};
  let place = 0;
  for (const { name, dtype, length } of manifest) {
    if (dtype === "float16") {
      arrays[name] = halves(new Uint16Array(bytes, place, length));
      place += 2 * length;
    } else {
      const kind = KINDS[dtype];
      arrays[name] = new kind(bytes, place, length);
      place += kind.BYTES_PER_ELEMENT * length;
    }
    place = 8 * Math.ceil(place / 8);
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
