"""The integer encoder as an ONNX graph: bit for bit what `codec.integer.reference` defines.

Integers are held in float64, in which all up to 2**53 are exact, and so are sums, products and
floor(x / 2**k) of them within the ranges that the reference states: onnxruntime has neither an
arithmetic shift nor a bit length of signed integers. Products of matrices are float32, whose
factors are of at most 8 bits and whose sums stay below 2**24, which is exact on any CPU and in any
order; products of int8 are not, as some CPUs saturate them.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import ArrayLike

from audiotok_jax.codec.integer import tables
from audiotok_jax.codec.integer.encoder import WIDEST
from audiotok_jax.codec.integer.params import Block, Linear, Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.export.graph import Graph, Value, choose, join

_EXPONENTS = 64  # of the table of powers of two: -64..64


def build(params: Params, config: CodecConfig, about: dict[str, str]) -> onnx.ModelProto:
    """Tokens of windows, each given with its halo.

    The graph has the input `samples`, int16 (windows, left + frames * hop_length + right), where
    (left, right) is `config.encoder_halo`, and the output `tokens`, int32 (windows, frames).
    """
    graph = Graph()
    samples = graph.input("samples", "int16", ["windows", "samples"])
    x = features(samples.cast("float64"), config)
    x = _norm(_linear(x, params.front), 10, config.encoder_dim).clip(-32767, 32767)
    for block, (left, right) in zip(params.blocks, config.encoder_taps, strict=True):
        x = _residual(x, block, left, right, config.encoder_dim)
    sums = _dot(_norm(x, 4, config.encoder_dim).clip(-127, 127), params.head.kernel)
    signs = (sums + _floats(params.head.bias) > 0).cast("float64")
    tokens = (signs * 2.0 ** np.arange(config.bits)).sum()
    graph.output("tokens", tokens.cast("int32"), ["windows", "frames"])
    return graph.model("audiotok_encoder", about)


# --- front end ---


def features(wave: Value, config: CodecConfig) -> Value:
    """See `reference.features`."""
    parts = []
    re, im = _blocks(wave, config)
    for i, span in enumerate(tables.spans(config)):
        log = _log_power(*_spectrum(re, im, span, config))
        steps = _down(3 * log + 64, 7) - tables.middle(span, config)
        parts.append(steps.clip(-127, 127))
        if i == 0:
            parts.append(_periodicity(log, config))
    return join(parts).reshape(0, -1, tables.features(config))


def _blocks(wave: Value, config: CodecConfig) -> tuple[Value, Value]:
    samples = wave.minimum(32639).reshape(0, -1, config.subframe_length)
    high = _down(samples + 128, 8)
    low = samples - high * 256
    turn_high, turn_low = tables.split(tables.twiddles(config))
    coarse = _dot(high, turn_high)
    fine = _dot(high, turn_low) + _dot(low, turn_high)
    both = coarse * 16 + _down(fine + 8, 4)
    bins = config.n_fft // 2 + 1
    return both.part(2, 0, bins), both.part(2, bins)


def _spectrum(re: Value, im: Value, span: int, config: CodecConfig) -> tuple[Value, Value]:
    longest = tables.spans(config)[0]
    outer, stride = (longest - span) // 2, longest // span
    bins = len(range(0, config.n_fft // 2 + 1, stride))

    def taken(x: Value) -> Value:
        return x.part(1, outer, -outer or None).part(2, 0, None, stride)

    re, im = taken(re), taken(im)
    parts = 2
    while parts <= span:
        step = span // parts
        cos, sin = map(_floats, tables.signs(bins, parts))
        later_re, later_im = re.part(1, step), im.part(1, step)
        turned_re = cos * later_re + sin * later_im
        turned_im = cos * later_im - sin * later_re
        if parts == 8:
            eighth = np.arange(bins) % 2 == 1
            turned_re = choose(eighth, _by_root_half(turned_re), turned_re)
            turned_im = choose(eighth, _by_root_half(turned_im), turned_im)
        re, im = re.part(1, 0, -step) + turned_re, im.part(1, 0, -step) + turned_im
        parts *= 2
    return _hann(re, 1), _hann(im, -1)


def _by_root_half(x: Value) -> Value:
    high = _down(x, 12)
    return _down(high * 46341, 4) + _down((x - high * 4096) * 46341, 16)


def _hann(x: Value, mirrored: int) -> Value:
    edges = join([x.part(2, 1, 2) * mirrored, x, x.part(2, -2, -1) * mirrored])
    return 2 * x - edges.part(2, 0, -2) - edges.part(2, 2)


def _log_power(re: Value, im: Value) -> Value:
    re, im = re.map("Abs"), im.map("Abs")
    cut = (_bit_length(re.maximum(im)) - 14).maximum(0)
    scale = _two_to(0 - cut)
    re, im = (re * scale).map("Floor"), (im * scale).map("Floor")
    power = (re * re + im * im).maximum(1)
    length = _bit_length(power)
    part = (power * _two_to(16 - length)).map("Floor") - 2**15
    part = part + _down(_down(part * (2**15 - part), 15) * 11272, 15)
    return (length - 1 + 2 * cut) * 256 + _down(part, 7)


def _periodicity(log: Value, config: CodecConfig) -> Value:
    bins = tables.harmonic_bins(config)
    log = log.part(2, bins.start, bins.stop)
    loudest = log.max(keep=True).maximum(2**13)
    below = _down(loudest - log, 4).minimum(tables.DECAY - 1)
    graph = log.graph
    magnitude = graph.constant(tables.falling(), "float64").at(below)
    total = magnitude.sum(keep=True) + 128
    scale = _two_to(8 - _bit_length(total))
    place = (total * scale).map("Floor") - 128
    inverse = graph.constant(tables.reciprocals(), "float64").at(place)
    sums = _dot(magnitude, tables.combs(config))
    return _down((sums * scale).map("Floor") * inverse + 2**15, 16).clip(-127, 127)


# --- network ---


def _residual(x: Value, block: Block, left: int, right: int, dim: int) -> Value:
    last = left + right
    taps = _floats(block.taps)
    shifted = (x.part(1, i, i - last or None) * taps[i] for i in range(last + 1))
    h = sum(shifted, start=x.graph.constant(block.bias, "float64"))
    h = _linear(_norm(h, 4, dim).clip(-127, 127), block.mlp_in)
    h = x.graph.constant(block.gelu, "float64").at(h.clip(-512, 511) + 512)
    kept = x.part(1, left, -right or None)
    return (kept + _linear(h, block.mlp_out)).clip(-32767, 32767)


def _linear(x: Value, layer: Linear) -> Value:
    return _rounded((_dot(x, layer.kernel) + _floats(layer.bias)) * 2.0 ** -_floats(layer.shift))


def _dot(x: Value, kernel: ArrayLike) -> Value:
    """Exact products; `encoder.WIDEST` inputs are summed at once."""
    matrix = np.asarray(kernel, np.int8)
    cuts = np.linspace(0, len(matrix), -(-len(matrix) // WIDEST) + 1).astype(int).tolist()
    parts = [
        (
            (x.part(-1, a, b) if len(cuts) > 2 else x).cast("float32")
            @ x.graph.constant(matrix[a:b], "int8").cast("float32")
        ).cast("float64")
        for a, b in zip(cuts[:-1], cuts[1:], strict=True)
    ]
    return sum(parts[1:], start=parts[0])


def _norm(x: Value, bits: int, dim: int) -> Value:
    length = _bit_length(x.map("Abs").max(keep=True))
    cut, cut_more = (length - 14).maximum(0), (length - 10).maximum(0)
    coarse = _rounded(x * _two_to(0 - cut_more))
    power = (coarse * coarse).sum(keep=True).maximum(1)
    half = _down(_bit_length(power) + 1, 1)
    leading = (power * _two_to(12 - 2 * half)).map("Floor")
    inverse = x.graph.constant(tables.roots(dim), "float64").at(leading - 1024)
    x = _rounded(x * _two_to(0 - cut)) * inverse
    return _rounded(x * _two_to(cut + (bits - 10) - half - cut_more))


# --- arithmetic ---


def _floats(array: ArrayLike) -> np.ndarray:
    return np.asarray(array, np.float64)


def _down(x: Value, bits: int) -> Value:
    """`x >> bits`."""
    return (x * 2.0**-bits).map("Floor")


def _rounded(x: Value) -> Value:
    """The nearest integer of a multiple of a power of two, ties up, as `reference.shift_right`."""
    return (x + 0.5).map("Floor")


def _two_to(exponent: Value) -> Value:
    """Powers of two of integers, by a table, as the Pow operator need not be exact."""
    powers = 2.0 ** np.arange(-_EXPONENTS, _EXPONENTS + 1)
    return exponent.graph.constant(powers, "float64").at(exponent + _EXPONENTS)


def _bit_length(x: Value) -> Value:
    """See `reference.bit_length`: the logarithm stays 1e-10 away from integers."""
    between = x.maximum(0.25) + 0.5
    return (between.map("Log") * (1 / np.log(2)) + 1).map("Floor")
