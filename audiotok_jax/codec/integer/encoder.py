"""The integer encoder in JAX: bit for bit what `reference` defines, on any backend and setting.

Pure functions over batches. Matrix products are exact: their factors are integers of at most 8 bits
and no sum reaches 2**24, so that float32, bfloat16 with float32 sums (and TensorFloat-32) and int8
with int32 sums give the same integers in any order. All else is int32 arithmetic and tables; the
comments in `reference` explain the lines and the ranges of their values.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from audiotok_jax.codec.integer import tables
from audiotok_jax.codec.integer.params import Block, Linear, Params
from audiotok_jax.codec.spectral import aligned
from audiotok_jax.config import CodecConfig

Product = Literal["float32", "bfloat16", "int8"]
"""Dtype of the factors of matrix products."""

WIDEST = 1040
"""Inputs of an exact sum: 127 * 127 * 1040 < 2**24."""


def to_int16(wave: Array) -> Array:
    """Samples from -1 to 1, float32, rounded to int16; what is louder is clipped."""
    return jnp.clip(jnp.round(wave * 32768), -32768, 32767).astype(jnp.int16)


def default_product() -> Product:
    """The dtype in which the default backend multiplies fastest."""
    if jax.default_backend() != "cpu":
        return "bfloat16"
    features = _cpu_features()
    if "amx_int8" in features:
        return "int8"
    return "bfloat16" if "avx512_bf16" in features else "float32"


@functools.cache
def _cpu_features() -> frozenset[str]:
    """Feature flags of an x86 CPU, as far as Linux reports them."""
    try:
        return frozenset(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return frozenset()


def encode(
    params: Params, config: CodecConfig, wave: Array, product: Product | None = None
) -> Array:
    """Tokens of whole clips, int16 (B, samples) -> uint16 (B, config.frames(samples)).

    Clips count as zero outside of their samples.
    """
    left, right = config.encoder_halo
    rest = -wave.shape[1] % config.hop_length
    return encode_window(params, config, jnp.pad(wave, ((0, 0), (left, right + rest))), product)


def encode_window(
    params: Params, config: CodecConfig, wave: Array, product: Product | None = None
) -> Array:
    """Tokens of a window given with its halo.

    Args:
        wave: int16 (B, left + T * hop_length + right), (left, right) = config.encoder_halo.
        product: by default `default_product()`.

    Returns:
        uint16 (B, T).
    """
    dot = _Dot(product or default_product())
    x = _front(params, config, _blocks(wave, config, dot), dot)
    for i, block in enumerate(params.blocks):
        x = _residual(x, block, config.encoder_taps[i][0], dot)
    return _tokens(x, params.head, dot)


class State(NamedTuple):
    """The state of a batch of streams.

    Attributes:
        spectra: of the last blocks of a subframe's length in 2 * margin samples, real and
            imaginary part, int32 (B, 2 * margin / subframe_length, bins).
        frames: the last inputs of each block of the network, int16 (B, left + right, dim).
    """

    spectra: tuple[Array, Array]
    frames: tuple[Array, ...]


def init_state(
    params: Params, config: CodecConfig, batch: int, product: Product | None = None
) -> State:
    """The state of streams before their first sample, after infinite silence.

    To start a new stream in place of one that has ended, copy a row of it.
    """
    dot = _Dot(product or default_product())
    silence = jnp.zeros((1, 2 * config.margin + config.hop_length), jnp.int16)
    spectra = _blocks(silence, config, dot)
    x = _front(params, config, spectra, dot)
    frames = []
    for block, (left, right) in zip(params.blocks, config.encoder_taps, strict=True):
        past = jnp.repeat(x, left + 1 + right, axis=1)
        frames.append(past[:, 1:])
        x = _residual(past, block, left, dot)
    state = State(_last(spectra, config), tuple(f.astype(jnp.int16) for f in frames))
    return jax.tree.map(lambda a: jnp.repeat(a, batch, axis=0), state)


def encode_step(
    params: Params,
    config: CodecConfig,
    state: State,
    samples: Array,
    product: Product | None = None,
) -> tuple[State, Array]:
    """The next state, and tokens of streams, int16 (B, k * hop_length) -> uint16 (B, k).

    They equal those of `encode`; the first ones are of silence before the first frame, see
    `codec.stream`.
    """
    dot = _Dot(product or default_product())
    re, im = (
        jnp.concatenate(parts, axis=1)
        for parts in zip(state.spectra, _blocks(samples, config, dot), strict=True)
    )
    x = _front(params, config, (re, im), dot)
    frames = []
    for block, (left, _), past in zip(
        params.blocks, config.encoder_taps, state.frames, strict=True
    ):
        x = jnp.concatenate([past.astype(jnp.int32), x], axis=1)
        frames.append(x[:, x.shape[1] - past.shape[1] :].astype(jnp.int16))
        x = _residual(x, block, left, dot)
    return State(_last((re, im), config), tuple(frames)), _tokens(x, params.head, dot)


def _last(spectra: tuple[Array, Array], config: CodecConfig) -> tuple[Array, Array]:
    """Spectra of the blocks before the next frame's own that its windows span."""
    re, im = spectra
    first = re.shape[1] - 2 * config.margin // config.subframe_length
    return re[:, first:], im[:, first:]


class _Dot:
    """Exact products of integers of 8 bits: (..., inputs) and (inputs, outputs) -> int32."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.factor = jnp.dtype(product)
        self.sum = jnp.int32 if self.factor == jnp.int8 else jnp.float32

    def __call__(self, x: Array, kernel: Array) -> Array:
        pieces = -(-len(kernel) // WIDEST)
        cuts = [len(kernel) * i // pieces for i in range(pieces + 1)]
        parts = [
            lax.dot_general(
                lax.slice_in_dim(x, a, b, axis=x.ndim - 1).astype(self.factor),
                kernel[a:b].astype(self.factor),
                (((x.ndim - 1,), (0,)), ((), ())),
                # Exact at any precision, as factors have 8 bits; this one is the fastest.
                precision=lax.Precision.DEFAULT,
                preferred_element_type=self.sum,
            ).astype(jnp.int32)
            for a, b in zip(cuts[:-1], cuts[1:], strict=True)
        ]
        return sum(parts[1:], parts[0])


def _front(params: Params, config: CodecConfig, spectra: tuple[Array, Array], dot: _Dot) -> Array:
    x = _norm(_linear(_features(config, spectra, dot), params.front, dot), 10)
    return _clip(x, 32767)


def _tokens(x: Array, head: Linear, dot: _Dot) -> Array:
    signs = dot(_clip(_norm(x, 4), 127), head.kernel) + aligned(head.bias, x) > 0
    weights = aligned(1 << np.arange(signs.shape[-1], dtype=np.int32), x)
    return jnp.sum(jnp.where(signs, weights, 0), axis=-1, dtype=jnp.int32).astype(jnp.uint16)


# --- front end ---


def features(config: CodecConfig, wave: Array, product: Product | None = None) -> Array:
    """Input of the network: logarithms of power, and periodicity, of each subframe.

    From int16 (B, margin + T * hop_length + margin) to int8 (B, T, tables.features(config)) within
    +-127.
    """
    dot = _Dot(product or default_product())
    return _features(config, _blocks(wave, config, dot), dot)


def _features(config: CodecConfig, spectra: tuple[Array, Array], dot: _Dot) -> Array:
    parts = []
    for i, span in enumerate(tables.spans(config)):
        log = _log_power(*_spectrum(*spectra, span, config))
        parts.append(_clip(((3 * log + 64) >> 7) - tables.middle(span, config), 127))
        if i == 0:
            parts.append(_periodicity(log, config, dot))
    # As bytes, a quarter of the memory is written.
    both = jnp.concatenate([part.astype(jnp.int8) for part in parts], axis=-1)
    subframes = config.hop_length // config.subframe_length
    return both.reshape(len(both), both.shape[1] // subframes, tables.features(config))


def _blocks(wave: Array, config: CodecConfig, dot: _Dot) -> tuple[Array, Array]:
    x = jnp.minimum(wave.astype(jnp.int32), 32639)
    length = config.subframe_length
    high, low = tables.split(x.reshape(len(x), x.shape[1] // length, length))
    turn_high, turn_low = map(_table, tables.split(tables.twiddles(config)))
    coarse = dot(high, turn_high)
    fine = dot(
        jnp.concatenate([high, low], axis=-1), jnp.concatenate([turn_low, turn_high], axis=0)
    )
    both = (coarse << 4) + ((fine + 8) >> 4)
    bins = config.n_fft // 2 + 1
    return both[..., :bins], both[..., bins:]


def _spectrum(re: Array, im: Array, span: int, config: CodecConfig) -> tuple[Array, Array]:
    longest = tables.spans(config)[0]
    outer, stride = (longest - span) // 2, longest // span
    re, im = (x[:, outer : x.shape[1] - outer, ::stride] for x in (re, im))
    bins = re.shape[-1]
    parts = 2
    while parts <= span:
        step, rest = span // parts, re.shape[1] - span // parts
        cos, sin = (_table(sign, jnp.int32) for sign in tables.signs(bins, parts))
        cos, sin = aligned(cos, re), aligned(sin, re)
        turned_re = cos * re[:, step:] + sin * im[:, step:]
        turned_im = cos * im[:, step:] - sin * re[:, step:]
        if parts == 8:
            eighth = aligned(np.arange(bins) % 2 == 1, re)
            turned_re = jnp.where(eighth, _by_root_half(turned_re), turned_re)
            turned_im = jnp.where(eighth, _by_root_half(turned_im), turned_im)
        re, im = re[:, :rest] + turned_re, im[:, :rest] + turned_im
        parts *= 2
    return _hann(re, 1), _hann(im, -1)


def _by_root_half(x: Array) -> Array:
    return (((x >> 12) * 46341) >> 4) + (((x & 4095) * 46341) >> 16)


def _hann(x: Array, mirrored: int) -> Array:
    edges = jnp.concatenate(
        [mirrored * x[..., 1:2], x, mirrored * x[..., x.shape[-1] - 2 : x.shape[-1] - 1]], axis=-1
    )
    bins = x.shape[-1]
    return 2 * x - edges[..., :bins] - edges[..., 2:]


def _log_power(re: Array, im: Array) -> Array:
    re, im = jnp.abs(re), jnp.abs(im)
    cut = jnp.maximum(_bit_length(re | im) - 14, 0)
    re, im = re >> cut, im >> cut
    power = jnp.maximum(re * re + im * im, 1)
    length = _bit_length(power)
    part = ((power << (30 - length)) >> 14) - 2**15
    part = part + (((part * (2**15 - part)) >> 15) * 11272 >> 15)
    return ((length - 1 + 2 * cut) << 8) + (part >> 7)


def _periodicity(log: Array, config: CodecConfig, dot: _Dot) -> Array:
    bins = tables.harmonic_bins(config)
    log = log[..., bins.start : bins.stop]
    loudest = jnp.maximum(jnp.max(log, axis=-1, keepdims=True), 2**13)
    below = jnp.minimum((loudest - log) >> 4, tables.DECAY - 1)
    magnitude = _look_up(_table(tables.falling()), below)
    total = jnp.sum(magnitude, axis=-1, keepdims=True, dtype=jnp.int32) + 128
    cut = _bit_length(total) - 8
    inverse = _look_up(_table(tables.reciprocals(), jnp.int32), (total >> cut) - 128)
    sums = dot(magnitude, _table(tables.combs(config)))
    return _clip(((sums >> cut) * inverse + 2**15) >> 16, 127)


# --- network ---


def _residual(x: Array, block: Block, left: int, dot: _Dot) -> Array:
    taps = block.taps
    length = x.shape[1] - len(taps) + 1
    h = aligned(block.bias, x)
    for i in range(len(taps)):
        h = h + x[:, i : i + length] * aligned(taps[i], x)
    h = _linear(_clip(_norm(h, 4), 127), block.mlp_in, dot)
    h = _look_up(block.gelu, jnp.clip(h, -512, 511) + 512)
    return _clip(x[:, left : left + length] + _linear(h, block.mlp_out, dot), 32767)


def _linear(x: Array, layer: Linear, dot: _Dot) -> Array:
    return _shift_right(dot(x, layer.kernel) + aligned(layer.bias, x), aligned(layer.shift, x))


def _norm(x: Array, bits: int) -> Array:
    length = _bit_length(jnp.max(jnp.abs(x), axis=-1, keepdims=True))
    cut, cut_more = jnp.maximum(length - 14, 0), jnp.maximum(length - 10, 0)
    coarse = _shift_right(x, cut_more)
    power = jnp.maximum(jnp.sum(coarse * coarse, axis=-1, keepdims=True, dtype=jnp.int32), 1)
    half = (_bit_length(power) + 1) >> 1
    leading = (power << jnp.maximum(12 - 2 * half, 0)) >> jnp.maximum(2 * half - 12, 0)
    inverse = _look_up(_table(tables.roots(x.shape[-1]), jnp.int32), leading - 1024)
    return _shift_right(_shift_right(x, cut) * inverse, 10 + half - bits + cut_more - cut)


# --- arithmetic ---


def _table(values: np.ndarray, dtype: Any = jnp.int8) -> Array:
    return jnp.asarray(values.astype(dtype))


def _look_up(table: Array, places: Array) -> Array:
    return jnp.asarray(table).at[places].get(mode="promise_in_bounds")


def _shift_right(x: Array, bits: Array) -> Array:
    return (x + ((jnp.int32(1) << bits) >> 1)) >> bits


def _clip(x: Array, limit: int) -> Array:
    return jnp.clip(x, -limit, limit)


def _bit_length(x: Array) -> Array:
    return 32 - lax.clz(x)
