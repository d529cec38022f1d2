"""Definition of the tokens of an integer encoder, in NumPy with int64.

All values are integers; `>>` rounds towards minus infinity. Comments give the range of a line's
values, for every input and for all parameters that pass `check_ranges`. All lie within int32. All
sums of products except those of the convolution and of squares have factors of at most 8 bits and,
if split into parts of at most 1040 inputs, stay below 2**24, so that `encoder` computes them in
floats. Arrays have time first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.codec.integer import tables
from audiotok_jax.codec.integer.params import Block, Linear, Params
from audiotok_jax.config import CodecConfig

Ints = NDArray[np.int64]


def encode(params: Params, config: CodecConfig, wave: NDArray[np.int16]) -> NDArray[np.uint16]:
    """Tokens of a clip, int16 (samples,) -> uint16 (config.frames(samples),).

    The clip counts as zero outside of its samples.
    """
    left, right = config.encoder_halo
    rest = -len(wave) % config.hop_length
    x = features(np.pad(wave, (left, right + rest)).astype(np.int64), config)
    x = clip(norm(linear(x, params.front), 10), 32767)
    for i, block in enumerate(params.blocks):
        x = residual(x, block, config.encoder_taps[i][0])
    signs = clip(norm(x, 4), 127) @ integers(params.head.kernel) + params.head.bias > 0
    return (signs << np.arange(config.bits)).sum(axis=1).astype(np.uint16)


# --- front end ---


def features(wave: Ints, config: CodecConfig) -> Ints:
    """(margin + T * hop_length + margin,) samples -> (T, features) within +-127."""
    parts = []
    of_blocks = blocks(wave, config)
    for i, span in enumerate(tables.spans(config)):
        log = log_power(*spectrum(*of_blocks, span, config))
        # In steps of 1 / 12 octave of magnitude, half a decibel.
        parts.append(clip(((3 * log + 64) >> 7) - tables.middle(span, config), 127))
        if i == 0:
            parts.append(periodicity(log, config))
    return np.concatenate(parts, axis=1).reshape(-1, tables.features(config))


def blocks(wave: Ints, config: CodecConfig) -> tuple[Ints, Ints]:
    """Fourier transform of each block of a subframe's length, real and imaginary part.

    (N * subframe_length,) -> (N, window // 2 + 1), at the frequencies of the longest window.
    """
    high, low = tables.split(np.minimum(wave, 32639).reshape(-1, config.subframe_length))
    turn_high, turn_low = tables.split(integers(tables.twiddles(config)))
    coarse = high @ turn_high  # within 2**22
    fine = high @ turn_low + low @ turn_high  # within 2**23; low @ turn_low is too small to count
    both = (coarse << 4) + ((fine + 8) >> 4)  # within 2**25.7
    return both[:, : config.n_fft // 2 + 1], both[:, config.n_fft // 2 + 1 :]


def spectrum(re: Ints, im: Ints, span: int, config: CodecConfig) -> tuple[Ints, Ints]:
    """Fourier transform, times four, of `span` neighbouring blocks under a Hann window.

    (N, window // 2 + 1) -> (N - longest + 1, span * subframe_length // 2 + 1)
    """
    longest = tables.spans(config)[0]
    outer, stride = (longest - span) // 2, longest // span
    re, im = (part[outer : len(part) - outer, ::stride] for part in (re, im))
    parts = 2
    while parts <= span:  # adds to blocks those `step` later, turned by bin / parts
        step = span // parts
        cos, sin = tables.signs(re.shape[1], parts)
        turned_re = cos * re[step:] + sin * im[step:]
        turned_im = cos * im[step:] - sin * re[step:]
        if parts == 8:  # turns by an eighth have a cosine of sqrt(1 / 2)
            eighth = np.arange(re.shape[1]) % 2 == 1
            turned_re = np.where(eighth, by_root_half(turned_re), turned_re)
            turned_im = np.where(eighth, by_root_half(turned_im), turned_im)
        re, im = re[:-step] + turned_re, im[:-step] + turned_im  # within 2**29
        parts *= 2
    return hann(re, 1), hann(im, -1)


def by_root_half(x: Ints) -> Ints:
    """Of x within 2**30: x * sqrt(1 / 2)."""
    return (((x >> 12) * 46341) >> 4) + (((x & 4095) * 46341) >> 16)


def hann(x: Ints, mirrored: int) -> Ints:
    """The Hann window applied over bins; `mirrored` is the sign beyond the first and last bin."""
    before = np.concatenate([mirrored * x[:, 1:2], x[:, :-1]], axis=1)
    after = np.concatenate([x[:, 1:], mirrored * x[:, -2:-1]], axis=1)
    return 2 * x - before - after  # within 2**31


def log_power(re: Ints, im: Ints) -> Ints:
    """256 * log2(re**2 + im**2), 0 to 2**14, by leading bits; 0 for no power."""
    re, im = np.abs(re), np.abs(im)
    cut = np.maximum(bit_length(re | im) - 14, 0)  # 0 to 17
    power = np.maximum((re >> cut) ** 2 + (im >> cut) ** 2, 1)  # 1 to 2**29
    length = bit_length(power)
    part = ((power << (30 - length)) >> 14) - 2**15  # the bits below the leading one, below 2**15
    part += (part * (2**15 - part) >> 15) * 11272 >> 15  # log2(1 + part) within 0.008
    return ((length - 1 + 2 * cut) << 8) + (part >> 7)


def periodicity(log: Ints, config: CodecConfig) -> Ints:
    """Periodicity of frames at each of the lags: (N, bins) -> (N, pitch_bins) within +-127.

    The inverse Fourier transform of the magnitudes, over their sum.
    """
    bins = tables.harmonic_bins(config)
    log = log[:, bins.start : bins.stop]
    loudest = np.maximum(log.max(axis=1, keepdims=True), 2**13)  # 70 dB below full scale
    below = np.minimum((loudest - log) >> 4, tables.DECAY - 1)  # 0 to DECAY - 1
    magnitude = integers(tables.falling())[below]  # 0 to 127
    total = magnitude.sum(axis=1, keepdims=True) + 128  # 128 to 2**17
    cut = bit_length(total) - 8  # total >> cut in 128 to 255
    inverse = integers(tables.reciprocals())[(total >> cut) - 128]  # below 2**9
    sums = magnitude @ integers(tables.combs(config))  # within 127 * total
    return clip(((sums >> cut) * inverse + 2**15) >> 16, 127)  # within 2**25 before it is cut


# --- network ---


def residual(x: Ints, block: Block, left: int) -> Ints:
    """A block: (T + left + right, dim) -> (T, dim), within +-32767 both."""
    taps = integers(block.taps)
    length = len(x) - len(taps) + 1
    h = sum(taps[i] * x[i : i + length] for i in range(len(taps))) + block.bias  # within 2**30
    h = linear(clip(norm(h, 4), 127), block.mlp_in)
    active = integers(block.gelu)[np.clip(h, -512, 511) + 512]  # within 127
    return clip(x[left : left + length] + linear(active, block.mlp_out), 32767)


def linear(x: Ints, layer: Linear) -> Ints:
    """(T, inputs) within +-127 -> (T, outputs), rounded; within 2**31 before it is shifted."""
    return shift_right(x @ integers(layer.kernel) + layer.bias, integers(layer.shift))


def norm(x: Ints, bits: int) -> Ints:
    """Rows over their root mean square, in units of 2**-bits: (T, dim) -> (T, dim).

    Args:
        x: within 2**30; of these, 14 bits count, and 10 in the mean.
        bits: up to 10.

    Returns:
        within 1.01 * sqrt(dim) * 2**bits + 1; 0 where all are.
    """
    length = bit_length(np.abs(x).max(axis=1, keepdims=True))
    cut, cut_more = np.maximum(length - 14, 0), np.maximum(length - 10, 0)  # 0 to 21
    coarse = shift_right(x, cut_more)  # within 2**10
    power = np.maximum((coarse * coarse).sum(axis=1, keepdims=True), 1)  # 1 to dim * 2**20
    half = (bit_length(power) + 1) >> 1  # 1 to 16
    # Leading bits of power, an even number of them left out: 1024 to 4095.
    leading = (power << np.maximum(12 - 2 * half, 0)) >> np.maximum(2 * half - 12, 0)
    inverse = integers(tables.roots(x.shape[1]))[leading - 1024]  # up to 2**16
    # Within 2**30 before it is shifted, by 1 to 26.
    return shift_right(shift_right(x, cut) * inverse, 10 + half - bits + cut_more - cut)


# --- arithmetic ---


def integers(array: np.ndarray) -> Ints:
    """As int64."""
    return np.asarray(array).astype(np.int64)


def shift_right(x: Ints, bits: Ints) -> Ints:
    """The nearest of x / 2**bits."""
    return (x + ((1 << bits) >> 1)) >> bits


def clip(x: Ints, limit: int) -> Ints:
    """Within +-limit."""
    return np.clip(x, -limit, limit)


def bit_length(x: Ints) -> Ints:
    """Of integers from 0 to 2**31 - 1: 0 for 0, else 1 + the place of the leading bit."""
    return np.searchsorted(2 ** np.arange(31), x, side="right")
