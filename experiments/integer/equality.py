"""Compares the tokens of the integer encoder, however it is run, with the reference; and the speed.

    python experiments/integer/equality.py [--tokens 1000000] [--speech ../shared/speech/eval]
        [--model MODEL]

prints a Markdown table of tokens that differ from those of the NumPy reference, and one of speed
beside the float encoder of the same size and beside its own products of matrices alone. It runs on
any backend: a GPU or TPU is one more table.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import soundfile
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from audiotok_jax import parallel, pretrained
from audiotok_jax.codec import encoders, stream
from audiotok_jax.codec.integer import encoder, from_float, reference, tables
from audiotok_jax.codec.integer.params import Params
from audiotok_jax.config import CodecConfig, preset

LIVE = preset("live-80hz")
FRAMES, BATCH = 3000, 32
KINDS = ("speech", "noise", "silence", "square", "random")
WINDOWS = 8
"""Batches that are timed together."""
PRODUCTS: tuple[encoder.Product, ...] = ("float32", "bfloat16", "int8")


def main(argv: Sequence[str] | None = None) -> None:
    """Compares, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--tokens", type=int, default=1_000_000, help="of each way; default: 1e6; 0: none"
    )
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"of a clip; default: {FRAMES}")
    parser.add_argument("--speech", type=Path, help="folder of 16 kHz audio; default: a buzz")
    parser.add_argument(
        "--model", help="name or folder; default: weights drawn anew every 32 clips"
    )
    parser.add_argument("--dim", type=int, default=64, help="width of what is drawn; default: 64")
    parser.add_argument(
        "--speed-dim", type=int, default=384, help="width that is timed without --model; 0: none"
    )
    args = parser.parse_args(argv)
    jax.config.update("jax_num_cpu_devices", 8)  # of a CPU alone
    print(f"JAX {jax.__version__}, {jax.device_count()} x {jax.devices()[0].device_kind}\n")
    if args.model:
        found = pretrained.load(args.model)
        print(f"model {found.model_id}")
        weights = found.params["encoder"]
        config, timed = found.config, found.config
        draws: Callable[[int], Params] = lambda seed: weights  # noqa: E731
    else:
        config = dataclasses.replace(LIVE, encoder_dim=args.dim, encoder_look_ahead=5)
        timed = dataclasses.replace(LIVE, encoder_dim=args.speed_dim or args.dim)
        draws = functools.partial(draw, config)
    if args.tokens:
        compare(config, draws, args.tokens, args.frames, args.speech)
    if args.speed_dim:
        measure(timed)


# --- equality ---


def compare(
    config: CodecConfig,
    weights: Callable[[int], Params],
    tokens: int,
    frames: int,
    speech: Path | None,
) -> None:
    """Prints differences over as many tokens, with new weights every 32 clips."""
    ways = make_ways(config, frames)
    wrong, seconds = dict.fromkeys(ways, 0), dict.fromkeys(ways, 0.0)
    devices = jax.device_count()
    batch = -(-min(BATCH, -(-tokens // frames)) // devices) * devices
    clips, seen, done = sounds(config, frames, speech), set(), 0
    for seed in itertools.count():
        if done >= tokens:
            break
        count = min(batch, -(-(tokens - done) // frames))
        waves = np.stack(list(itertools.islice(clips, batch)))  # one shape for all
        params = weights(seed)
        start = time.perf_counter()
        true = np.stack([reference.encode(params, config, wave) for wave in waves[:count]])
        print(
            f"<!-- {done + true.size:,} tokens, {time.perf_counter() - start:.0f} s -->", flush=True
        )
        done += true.size
        seen.update(true.ravel().tolist())
        for name, way in ways.items():
            start = time.perf_counter()
            wrong[name] += int(np.sum(way(params, waves)[:count] != true))
            seconds[name] += time.perf_counter() - start
    width = config.encoder_dim
    print(f"{done:,} tokens ({len(seen):,} different ones), width {width}, against NumPy\n")
    print("| way | tokens that differ | seconds, with compiling |\n|---|---|---|")
    for name in ways:
        print(f"| {name} | {wrong[name]:,} | {seconds[name]:.0f} |")


Way = Callable[[Params, np.ndarray], np.ndarray]


def make_ways(config: CodecConfig, frames: int) -> dict[str, Way]:
    """How to encode int16 (BATCH, samples) to uint16 (BATCH, frames), by name."""

    def fresh() -> Any:  # compiled anew, as settings differ
        return jax.jit(lambda p, w: encoder.encode_window(p, config, w))

    ways: dict[str, Way] = {}
    lengths = [length for length in (1, 16, 256) if length < frames] + [frames]
    for length, batch in itertools.product(lengths, (1, BATCH)):
        if length == 1:  # there are too many of them for the overhead of a call
            batch *= 128
        name = f"windows of {length}, batch {batch}"
        ways[name] = functools.partial(windowed, fresh(), config, length, batch)
    for product in PRODUCTS:
        run = jax.jit(lambda p, w, k=product: encoder.encode_window(p, config, w, k))
        ways[f"products of {product}"] = functools.partial(whole, run, config)
    for precision in ("bfloat16", "tensorfloat32", "highest"):
        ways[f"precision {precision}"] = under(
            functools.partial(jax.default_matmul_precision, precision),
            functools.partial(whole, fresh(), config),
        )
    ways["x64"] = under(
        functools.partial(jax.enable_x64, True), functools.partial(whole, fresh(), config)
    )

    def plain(params: Params, waves: np.ndarray) -> jax.Array:
        return encoder.encode_window(params, config, jnp.asarray(waves))

    ways["op by op, without jit"] = under(jax.disable_jit, functools.partial(whole, plain, config))
    ways["XLA without optimisation"] = functools.partial(whole, unoptimised(fresh()), config)
    devices = np.array(jax.devices())
    sharding = NamedSharding(Mesh(devices, ("clips",)), PartitionSpec("clips"))
    run = fresh()
    ways[f"{len(devices)} devices"] = functools.partial(
        whole, lambda p, w: run(p, jax.device_put(w, sharding)), config
    )
    ways["frame by frame"] = functools.partial(streamed, config)
    return ways


def whole(run: Any, config: CodecConfig, params: Params, waves: np.ndarray) -> np.ndarray:
    """All clips at once."""
    return np.asarray(run(params, np.pad(waves, ((0, 0), config.encoder_halo))))


def windowed(
    run: Any, config: CodecConfig, length: int, batch: int, params: Params, waves: np.ndarray
) -> np.ndarray:
    """By windows of one shape; the last ones reach past the end of the clips."""
    hop, (left, right) = config.hop_length, config.encoder_halo
    frames = waves.shape[1] // hop
    padded = np.pad(waves, ((0, 0), (left, right + length * hop)))
    size = left + length * hop + right
    places = [(row, at) for row in range(len(waves)) for at in range(0, frames, length)]
    found = np.zeros((len(waves), frames + length), np.uint16)
    for some in range(0, len(places), batch):
        chosen = places[some : some + batch]
        rows = np.zeros((batch, size), np.int16)
        for i, (row, at) in enumerate(chosen):
            rows[i] = padded[row, at * hop :][:size]
        for (row, at), tokens in zip(chosen, np.asarray(run(params, rows)), strict=False):
            found[row, at : at + length] = tokens
    return found[:, :frames]


def streamed(config: CodecConfig, params: Params, waves: np.ndarray) -> np.ndarray:
    """All clips in one batch of streams."""
    hop = config.hop_length
    frames = waves.shape[1] // hop
    before, delay = stream.lead(config), stream.encoder_delay(config)
    after = (frames + delay) * hop - before - waves.shape[1]
    fed = np.pad(waves, ((0, 0), (before, after)))
    state, found = start(params, config, len(waves)), []
    for at in range(0, fed.shape[1], hop):
        state, tokens = step(params, config, state, fed[:, at : at + hop])
        found.append(tokens)
    return np.concatenate(found, axis=1)[:, delay:]


start = jax.jit(encoder.init_state, static_argnums=(1, 2))
step = jax.jit(encoder.encode_step, static_argnums=1, donate_argnums=2)


def under(setting: Callable[[], Any], way: Way) -> Way:
    """Under a setting of JAX."""

    def run(params: Params, waves: np.ndarray) -> np.ndarray:
        with setting():
            return way(params, waves)

    return run


def unoptimised(run: Any) -> Any:
    """Compiled once, for the shapes that it is called with first."""
    made: list[Any] = []

    def call(params: Params, waves: np.ndarray) -> Any:
        if not made:
            options = {"xla_backend_optimization_level": "0"}
            made.append(run.lower(params, waves).compile(options))
        return made[0](params, waves)

    return call


def draw(config: CodecConfig, seed: int) -> Params:
    """Weights as at the start of training, but larger, and with biases."""
    params = jax.jit(from_float.init, static_argnums=1)(jax.random.key(seed), config)
    rng = np.random.default_rng(seed)

    def other(leaf: Any) -> np.ndarray:
        scale = 2.0 if leaf.ndim == 2 else 1.0
        noise = 0.03 * rng.normal(size=leaf.shape) if leaf.ndim == 1 else 0.0
        return np.asarray(scale * np.asarray(leaf) + noise, np.float32)

    return from_float.to_integer(jax.tree.map(other, params), config)


def sounds(config: CodecConfig, frames: int, speech: Path | None) -> Iterator[np.ndarray]:
    """Clips of all kinds in turn, for ever."""
    rng = np.random.default_rng(0)
    samples = frames * config.hop_length
    paths = sorted(p for p in speech.rglob("*") if p.suffix in (".flac", ".wav")) if speech else []
    if speech and not paths:
        raise SystemExit(f"{speech}: holds no .flac or .wav")
    files = itertools.cycle(paths)
    t = np.arange(samples) / 16000
    for kind in itertools.cycle(KINDS):
        if kind == "speech" and speech:
            wave = np.zeros(0, np.int16)
            while len(wave) < samples:
                wave = np.append(wave, soundfile.read(next(files), dtype="int16")[0])
            yield wave[:samples]
        elif kind == "speech":
            pitch = rng.uniform(90, 250) * 2 ** (0.5 * np.sin(2 * np.pi * rng.uniform(0.5, 5) * t))
            phase = 2 * np.pi * np.cumsum(pitch) / 16000
            voice = sum(np.cos(k * phase) / k for k in range(1, 12))
            swell = np.maximum(0, np.sin(2 * np.pi * rng.uniform(0.5, 5) * t)) ** 2
            yield rounded(0.2 * voice * swell + 0.01 * rng.normal(size=samples))
        elif kind == "noise":
            yield rounded(10 ** rng.uniform(-4.5, -0.5) * rng.normal(size=samples))
        elif kind == "silence":
            yield np.zeros(samples, np.int16)
        elif kind == "square":
            phase = 2 * np.pi * np.cumsum(rng.uniform(40, 4000) * (1 + t / t[-1])) / 16000
            yield np.where(np.sin(phase) > 0, 32767, -32768).astype(np.int16)
        else:
            yield rng.integers(-(2**15), 2**15, samples).astype(np.int16)


def rounded(wave: Any) -> np.ndarray:
    """Float samples as int16."""
    return np.asarray(encoder.to_int16(jnp.asarray(wave, jnp.float32)))


# --- speed ---


def measure(config: CodecConfig, frames: int = 256, rounds: int = 15) -> None:
    """Prints the median speed of each way of encoding windows, in tokens a second."""
    # As `AudioTokenizer` does it: a CPU is given one window on each core, others a batch.
    on_cpu = jax.default_backend() == "cpu"
    batch, threads = (1, parallel.cores()) if on_cpu else (8, 1)
    params = jax.device_put(draw(config, 0))
    left, right = config.encoder_halo
    hop = config.hop_length
    wave = next(sounds(config, frames * batch + (left + right) // hop + 1, None))
    rows = np.stack([wave[i * frames * hop :][: left + frames * hop + right] for i in range(batch)])
    usual_encoder = encoders.of(dataclasses.replace(config, encoder="float"))
    floats = jnp.asarray(rows / np.float32(32768))
    run_float = jax.jit(functools.partial(usual_encoder.encode, dtype=jnp.float32))
    usual_weights = jax.jit(usual_encoder.init)(jax.random.key(0))
    runs: dict[str, Callable[[], Any]] = {
        "float encoder": functools.partial(run_float, usual_weights, floats)
    }
    for product in PRODUCTS:
        encode = jax.jit(functools.partial(encoder.encode_window, config=config, product=product))
        runs[f"integer, {product}"] = functools.partial(encode, params, wave=jnp.asarray(rows))
        runs[f"its products alone, {product}"] = products(config, frames, batch, product)
    times: dict[str, list[float]] = {name: [] for name in runs}
    with ThreadPoolExecutor(threads) as pool:
        for run in runs.values():
            jax.block_until_ready(run())  # compiles
        for _ in range(rounds):
            for name, run in runs.items():
                begin = time.perf_counter()
                list(pool.map(lambda run: jax.block_until_ready(run()), [run] * WINDOWS))
                times[name].append((time.perf_counter() - begin) / WINDOWS)
    usual = statistics.median(times["float encoder"])
    shape = f"Width {config.encoder_dim}, {config.encoder_depth} blocks"
    print(f"\n{shape}, windows of {frames} tokens, {batch} a batch, {threads} batches at a time\n")
    print("| what | tokens/s | x float encoder |\n|---|---|---|")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"| {name} | {frames * batch / median:,.0f} | {usual / median:.2f} |")


def products(
    config: CodecConfig, frames: int, batch: int, product: encoder.Product
) -> Callable[[], Any]:
    """All matrix products of a window with its halo, with precomputed operands."""
    hop, subframe = config.hop_length, config.subframe_length
    bins = 2 * (config.n_fft // 2 + 1)
    dim, wide = config.encoder_dim, config.expansion * config.encoder_dim
    rows = frames + sum(sum(taps) for taps in config.encoder_taps)  # fewer after each block
    blocks = batch * (rows * hop + 2 * config.margin) // subframe
    subframes = batch * rows * config.subframes
    shapes = [
        (blocks, subframe, bins),
        (blocks, 2 * subframe, bins),
        (subframes, len(tables.harmonic_bins(config)), config.pitch_bins),
        (batch * rows, tables.features(config), dim),
    ]
    for taps in config.encoder_taps:
        rows -= sum(taps)
        shapes += [(batch * rows, dim, wide), (batch * rows, wide, dim)]
    shapes.append((batch * rows, dim, config.bits))
    kind = jnp.dtype(product)
    pairs = [(jnp.ones((m, k), kind), jnp.ones((k, n), kind)) for m, k, n in shapes]
    total = jnp.int32 if product == "int8" else jnp.float32

    @jax.jit
    def run(pairs: Any) -> Any:
        return [
            lax.dot(a, b, precision=lax.Precision.DEFAULT, preferred_element_type=total)
            for a, b in pairs
        ]

    return functools.partial(run, pairs)


if __name__ == "__main__":
    main()
