"""The decoder as an ONNX graph: `decoder.prepare` and `decoder.render` of a window in one.

Fourier transforms are products with matrices. Phases are integers held in float64, exact below
2**53, and noise is `noise.hashed` in int64, so that both are those of JAX; only the network and the
filters round.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from audiotok_jax.codec.heads import noise
from audiotok_jax.codec.pitch import pitch_frequencies
from audiotok_jax.codec.spectral import hann
from audiotok_jax.config import CodecConfig
from audiotok_jax.export.graph import Graph, Value, choose, join

_CYCLE = 2.0**32


def build(params: Any, config: CodecConfig, about: dict[str, str]) -> onnx.ModelProto:
    """Samples of windows of tokens, each given with its halo.

    The graph has the inputs `tokens`, int32 (windows, left + frames + right), -1 outside of the
    clip, where (left, right) is `config.decoder_halo`; and `phase` and `frame`, int64 (windows,),
    zero in the first window of a clip, and in each other one the outputs `next_phase` and
    `next_frame` of the window before. The output `wave` is float32 (windows, frames * hop_length).
    """
    graph = Graph()
    tokens = graph.input("tokens", "int32", ["windows", "tokens"])
    phase = graph.input("phase", "int64", ["windows"])
    frame = graph.input("frame", "int64", ["windows"])
    controls = _network(_codes(tokens, config), params, config)
    pitch, harmonic, hiss = _controls(controls, params, config)
    steps = _phase_steps(pitch, config)
    gained = _wrap(_advances(steps, config))
    halo = config.synthesis_halo
    start = phase.cast("float64") - gained.part(1, 0, halo).sum()
    length = graph.apply("Shape", tokens, dtype="int64", start=1, end=2).reshape()
    frames = length - sum(config.decoder_halo)
    voiced = _spectra(_harmonics(steps, gained, start, config), config)
    noisy = _spectra(_noise(frame, frames, config), config)
    wave = _filter(voiced, harmonic, noisy, hiss, config)
    graph.output("wave", wave, ["windows", "samples"])
    own = gained.part(1, halo, -halo or None).sum()
    graph.output("next_phase", _wrap(phase.cast("float64") + own).cast("int64"), ["windows"])
    graph.output("next_frame", frame + frames, ["windows"])
    return graph.model("audiotok_decoder", about)


# --- network ---


def _codes(tokens: Value, config: CodecConfig) -> Value:
    wide = tokens.cast("float64").reshape(0, 0, 1)
    shifted = (wide * 2.0 ** -np.arange(config.bits)).map("Floor")
    ones = shifted - 2 * (shifted * 0.5).map("Floor")
    corner = np.float32(1) / np.sqrt(config.bits).astype(np.float32)
    codes = (2 * ones - 1).cast("float32") * corner
    return choose(wide < 0, 0.0, codes)


def _network(codes: Value, params: Any, config: CodecConfig) -> Value:
    stack = params["stack"]
    x = _layer_norm(_dense(codes, params["from_codes"]), stack["norm_in"])
    for i, (left, right) in enumerate(config.decoder_taps):
        block = stack[f"block_{i}"]
        taps, last = np.asarray(block["depthwise"]["kernel"]), left + right
        h = sum(x.part(1, k, k - last or None) * taps[k] for k in range(last + 1))
        h = _layer_norm(h + np.asarray(block["depthwise"]["bias"]), block["norm"])
        h = _dense(h, block["mlp_in"]).map("Gelu", approximate="tanh")
        h = _dense(h, block["mlp_out"]) * np.asarray(block["scale"])
        x = x.part(1, left, -right or None) + h
    return _layer_norm(x, stack["norm_out"])


def _dense(x: Value, layer: Any) -> Value:
    return x @ _weights(x.graph, layer["kernel"]) + np.asarray(layer["bias"])


def _weights(graph: Graph, array: Any) -> Value:
    """Weights, stored as float16 if that is exact, as for released models."""
    whole, half = np.asarray(array, np.float32), np.asarray(array).astype(np.float16)
    if np.array_equal(half.astype(np.float32), whole):
        return graph.constant(half, "float16").cast("float32")
    return graph.constant(whole, "float32")


def _layer_norm(x: Value, norm: Any) -> Value:
    both = (x.graph.constant(np.asarray(norm[name]), "float32") for name in ("scale", "bias"))
    return x.graph.apply("LayerNormalization", x, *both, axis=-1, epsilon=1e-6)


def _controls(x: Value, params: Any, config: CodecConfig) -> tuple[Value, Value, Value]:
    """Indices of frequencies, int64 (B, N), and log-magnitudes of each subframe that is used."""
    before, after = config.control_halo
    pitch = x.graph.apply(
        "ArgMax", _dense(x, params["to_pitch"]), dtype="int64", axis=2, keepdims=0
    )
    pitch = pitch.part(1, 0, 2 * config.pitch_halo - before - after or None)
    filters = _dense(x, params["to_filters"]).clip(-14, 5)
    filters = filters.reshape(0, -1, 2 * config.filter_bins)
    # One subframe before the first one of the window, and two after the last one.
    outer = before * config.subframes - 1, 2 - after * config.subframes
    filters = filters.part(1, outer[0], outer[1] or None)
    return pitch, filters.part(2, 0, config.filter_bins), filters.part(2, config.filter_bins)


# --- sources ---


def _phase_steps(pitch: Value, config: CodecConfig) -> Value:
    """Of `source.phase_steps`, one in from the ends as `SourceFilter` takes them; float64."""
    table = np.round(pitch_frequencies(config) / config.sample_rate * _CYCLE)
    steps = pitch.graph.constant(table, "float64").at(pitch.part(1, 1))
    smooth = steps.part(1, 0, -2) + 2 * steps.part(1, 1, -1) + steps.part(1, 2)
    return (smooth * 0.25).map("Floor")


def _slopes(steps: Value, config: CodecConfig) -> Value:
    change = steps.part(1, 1) - steps.part(1, 0, -1)
    return (change / float(config.hop_length)).map("Floor")


def _advances(steps: Value, config: CodecConfig) -> Value:
    hop = config.hop_length
    return steps.part(1, 0, -1) * hop + _slopes(steps, config) * (hop * (hop - 1) // 2)


def _harmonics(steps: Value, gained: Value, start: Value, config: CodecConfig) -> Value:
    """See `source.harmonics`: float32 (B, samples)."""
    n = np.arange(config.hop_length, dtype=np.float64)
    axis = steps.graph.constant(1, "int64")
    before = steps.graph.apply("CumSum", gained, axis, exclusive=1) + start.reshape(-1, 1)
    step = steps.part(1, 0, -1).reshape(0, 0, 1)
    slope = _slopes(steps, config).reshape(0, 0, 1)
    cycles = _wrap(before).reshape(0, 0, 1) + step * n + slope * (n * (n - 1) / 2)
    cycles = cycles - _CYCLE * (cycles / _CYCLE + 0.5).map("Floor")
    radians = cycles.cast("float32") * np.float32(2 * np.pi / _CYCLE)
    count = np.float32(_CYCLE / 2) / (step + slope * n).cast("float32")
    whole = count.map("Floor")
    sine = (radians * 0.5).map("Sin")
    near = sine.map("Abs") < 1e-5
    ratio = ((whole + 0.5) * radians).map("Sin") / choose(near, 1.0, 2 * sine)
    total = choose(near, whole + 0.5, ratio) - 0.5
    total = total + (count - whole) * ((whole + 1) * radians).map("Cos")
    return (total * (2 / count).map("Sqrt")).reshape(0, -1)


def _noise(frame: Value, frames: Value, config: CodecConfig) -> Value:
    """See `noise.hashed`: float32 (B, samples). Products of 32 bits are made of two parts."""
    graph, halo, hop = frame.graph, config.synthesis_halo, config.hop_length
    zero, one = graph.constant(0, "int64"), graph.constant(1, "int64")
    places = graph.apply("Range", zero, (frames + 2 * halo) * hop, one)
    mask = 2**32 - 1
    x = ((frame - halo) * hop).reshape(-1, 1) + places.reshape(1, -1) + noise.SEED & mask
    for shift, factor in noise.ROUNDS:
        x = x ^ x / 2**shift
        x = ((x * (factor >> 16) & 0xFFFF) * 2**16 + x * (factor & 0xFFFF)) & mask
    x = x ^ x / 2**noise.LAST_SHIFT
    total = (x & 255) + (x / 2**8 & 255) + (x / 2**16 & 255) + x / 2**24
    return (total - 2 * 255).cast("float32") * noise.SCALE


# --- filters ---


def _spectra(source: Value, config: CodecConfig) -> Value:
    """Transforms of the windows of a source that reach into the samples returned.

    (B, samples) -> (B, N, 2 * filter_bins), real parts before imaginary ones.
    """
    sub, halo = config.subframe_length, config.synthesis_halo * config.subframes
    blocks = source.reshape(0, -1, sub).part(1, halo - 3, 3 - halo or None)
    frames = join([blocks.part(1, i, i - 3 or None) for i in range(4)])
    spectrum = np.fft.rfft(np.diag(_window(config)))
    return frames @ np.concatenate([spectrum.real, spectrum.imag], axis=1)


def _filter(
    voiced: Value, harmonic: Value, noisy: Value, hiss: Value, config: CodecConfig
) -> Value:
    """Filters both sources, adds and overlaps them: float32 (B, samples)."""
    bins = config.filter_bins
    re, im = voiced.part(2, 0, bins), voiced.part(2, bins)
    turns = harmonic @ _minimum_phase(bins)
    loud, noise_loud = harmonic.map("Exp"), hiss.map("Exp")
    cos, sin = loud * turns.map("Cos"), loud * turns.map("Sin")
    both = [
        re * cos - im * sin + noisy.part(2, 0, bins) * noise_loud,
        re * sin + im * cos + noisy.part(2, bins) * noise_loud,
    ]
    unit = np.eye(bins)
    inverse = np.concatenate([np.fft.irfft(unit), np.fft.irfft(1j * unit)])
    # The squared windows of four overlapping frames add up to two.
    frames = join(both) @ (inverse * _window(config) / 2)
    sub = config.subframe_length
    rows = [frames.part(1, 3 - i, -i or None).part(2, i * sub, (i + 1) * sub) for i in range(4)]
    return sum(rows[1:], start=rows[0]).reshape(0, -1)


def _minimum_phase(bins: int) -> np.ndarray:
    """Matrix from log-magnitudes to the phases of `spectral.minimum_phase`, (bins, bins)."""
    half = bins - 1
    fold = np.concatenate([[1.0], np.full(half - 1, 2.0), [1.0], np.zeros(half - 1)])
    return np.fft.rfft(np.fft.irfft(np.eye(bins)) * fold).imag


def _window(config: CodecConfig) -> np.ndarray:
    return np.sqrt(hann(config.filter_length).astype(np.float64))


# --- arithmetic ---


def _wrap(x: Value) -> Value:
    """Modulo 2**32."""
    return x - _CYCLE * (x / _CYCLE).map("Floor")
