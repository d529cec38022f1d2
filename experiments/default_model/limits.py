"""Where quality is lost: the gain from the original's pitch or voicing, or from ideal filters.

    python experiments/default_model/limits.py ../shared/speech/eval

Three seconds of some clips of each set, decoded as they are, with the pitch that training finds in
the original, with harmonics and noise shared out as in the original, and with filters fitted to the
clip by gradient descent. Prints the errors of phonemes and words, the similarity of speakers,
PESQ-WB and STOI.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from audiotok_jax import audio, pretrained
from audiotok_jax.codec import decoder, model, pitch_tracker
from audiotok_jax.codec.heads.source_filter import Controls, Parts
from audiotok_jax.config import CodecConfig
from audiotok_jax.evaluate import clips, metrics, report
from audiotok_jax.train.losses.mel import MelLoss
from audiotok_jax.train.losses.stft import StftLoss
from audiotok_jax.train.losses.stoi import StoiLoss

RATE = 16000
SECONDS = 3
STEPS = 200
LOSSES = (1.0, MelLoss()), (0.5, StftLoss()), (2.0, StoiLoss())
"""Losses that filters are fitted with, and their weights."""
JUDGES = {"per": 1, "wer": 1, "speaker_similarity": 3, "pesq_wb": 2, "stoi": 3}
"""Metrics of `audiotok_jax.evaluate`, and decimals."""

Filters = tuple[Array, Array]
"""Log-magnitudes for harmonics and for noise; see `source_filter.Controls`."""


def play(filters: Filters, pitch: Array, config: CodecConfig) -> Array:
    """Filters and pitch of one clip, with their halos, to float32 (1, S)."""
    parts = Parts(Controls(jnp.zeros(()), *filters), pitch)
    return decoder.render(config, parts, decoder.start(config, 1))


def voiced_as(filters: Filters, periodic: Array) -> Filters:
    """Filters that split the power of each frame by its periodicity, float32 (1, T)."""
    shares = jnp.stack([periodic, 1 - periodic])[..., None, None] + 1e-2
    powers = jnp.stack([jnp.mean(jnp.exp(2 * one), (2, 3), keepdims=True) for one in filters])
    gains = 0.5 * jnp.log(shares / (powers / jnp.sum(powers, axis=0) + 1e-2))
    return filters[0] + gains[0], filters[1] + gains[1]


def decodings(wave: Array, params: model.Params, config: CodecConfig) -> dict[str, Array]:
    """Speech (S,) by what it was decoded from; to be jitted."""
    tokens = model.encode(params, config, wave[None])
    tokens = jnp.pad(tokens, ((0, 0), config.decoder_halo), constant_values=-1)
    (found, pitch), _ = model.prepare(params, config, tokens)
    filters = found.harmonic, found.noise
    original, periodic = (
        jnp.pad(x, ((0, 0), config.control_halo), mode="edge")
        for x in pitch_tracker.track(wave[None], config)
    )
    optimizer = optax.adam(0.05)

    def distance(filters: Filters) -> Array:
        decoded = play(filters, original, config)
        terms = (weight * loss(decoded, wave[None], RATE)[0] for weight, loss in LOSSES)
        return sum(terms, jnp.zeros(()))

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        filters, state = carry
        updates, state = optimizer.update(jax.grad(distance)(filters), state)
        return (optax.apply_updates(filters, updates), state), None

    (fitted, _), _ = jax.lax.scan(step, (filters, optimizer.init(filters)), None, length=STEPS)
    voiced = voiced_as(filters, periodic)
    return {
        "tokens": play(filters, pitch, config)[0],
        "tokens, pitch of the original": play(filters, original, config)[0],
        "tokens, voicing of the original": play(voiced, pitch, config)[0],
        "tokens, both of the original": play(voiced, original, config)[0],
        "fitted filters, pitch of the original": play(fitted, original, config)[0],
    }


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("speech", nargs="+", help="folders or tables of speech to measure on")
    parser.add_argument("--limit", type=int, default=5, help="clips of each set")
    parser.add_argument("--model", help="default: the released one")
    args = parser.parse_args()
    params, config, model_id, _ = pretrained.load(args.model)
    compare(
        args.speech,
        args.limit,
        jax.jit(lambda wave: decodings(wave, params, config)),
        f"model {model_id}",
    )


def compare(
    speech: list[str], limit: int, decode: Callable[[Array], dict[str, Array]], about: str
) -> None:
    """Decodes excerpts of clips, float32 (SECONDS * RATE,), in several ways; prints a table."""
    judges, missing = metrics.available(JUDGES)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    found, _ = clips.find(speech, limit=limit)
    for clip in found:
        wave = audio.read(clip.path, RATE)[0][: SECONDS * RATE]
        wave = np.pad(wave, (0, SECONDS * RATE - len(wave)))
        original = metrics.Original(wave, clip.language)
        for name, decoded in decode(jnp.asarray(wave)).items():
            rows[name].append(metrics.measure(original, np.asarray(decoded), judges))
    print(f"{about}, {len(found)} clips of {SECONDS} s\n")
    print(f"| decoded from | {' | '.join(metric.label for metric in judges)} |")
    print(f"|---|{'--:|' * len(judges)}")
    for name, own in rows.items():
        means = [f"{pooled(own, metric):.{JUDGES[metric.name]}f}" for metric in judges]
        print(f"| {name} | {' | '.join(means)} |")
    for text in missing:
        print(text)


def pooled(rows: list[dict[str, Any]], metric: metrics.Metric) -> float:
    """The mean over clips, or over all of their words or phonemes."""
    weights = [row[metric.weight] for row in rows] if metric.weight else None
    mean = report.interval([row[metric.name] for row in rows], weights)["mean"]
    return float("nan") if mean is None else mean


if __name__ == "__main__":
    main()
